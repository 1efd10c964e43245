#!/bin/sh
# SPDX-License-Identifier: ISC
# floors_test: every folder includes lower floors only (tools/floors).
exec "$MANSIO_SRCDIR/tools/floors"
