# SPDX-License-Identifier: Apache-2.0
"""`prv2 bench`: stage times, memory and arithmetic of the engine, against this machine's peak and the naive path."""
