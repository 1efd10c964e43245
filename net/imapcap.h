/* SPDX-License-Identifier: ISC
 *
 * imapcap.h: what our IMAP can do (RFC 3501 6.1.1), said alike before the login by
 * front and behind it by imapd. What belongs to one of the two states only (STARTTLS,
 * LOGINDISABLED, AUTH=) is front's to add.
 */
#ifndef MANSIO_NET_IMAPCAP_H
#define MANSIO_NET_IMAPCAP_H

#define IMAP_CAPABILITIES                                                                       \
	"IMAP4rev1 LITERAL+ SASL-IR ID ENABLE IDLE NAMESPACE UIDPLUS MOVE UNSELECT CHILDREN " \
	"LIST-EXTENDED LIST-STATUS SPECIAL-USE CREATE-SPECIAL-USE CONDSTORE QRESYNC ESEARCH " \
	"SEARCHRES WITHIN STATUS=SIZE QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE"

#endif
