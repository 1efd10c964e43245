/* SPDX-License-Identifier: ISC
 *
 * gss_token.h: is a client's first message what a Kerberos client sends? Looked at before the library sees it: MIT's
 * falls over some that are something else (1.20: an unknown kind of token, twice), and takes forms that no SASL client
 * has.
 */
#ifndef MANSIO_AUTH_GSS_TOKEN_H
#define MANSIO_AUTH_GSS_TOKEN_H

#include "base/str.h"

/* A KRB_AP_REQ (RFC 4121 4.1), all of it and nothing behind it. framed: as GSSAPI sends it (RFC 2743 3.1); else as GS2 does
 * (RFC 5801 4). */
bool gss_token_is_ap_req(struct str token, bool framed);

#endif
