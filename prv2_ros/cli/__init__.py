# SPDX-License-Identifier: Apache-2.0
"""The command `prv2`: one module a subcommand, each with `add_arguments(parser)` and `run(args) -> int`."""
