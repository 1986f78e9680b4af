# SPDX-License-Identifier: Apache-2.0
"""Things that stand in rendered scenes: street, indoors, nature, people and vehicles."""
