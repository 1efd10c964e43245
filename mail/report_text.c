/* SPDX-License-Identifier: ISC
 *
 * report_text.c: the part of a report that people read (see report.h): what
 * happened, to which recipients, what the other server said in its own words,
 * and what can be done now.
 */
#include "mail/report.h"

#include "mail/date.h"

enum report_action report_about(const struct report *r)
{
	enum report_action about = REPORT_DELIVERED;
	size_t i;

	for (i = 0; i < r->nrcpt; i++)
		about = MIN(about, r->rcpt[i].action);
	return about;
}

void report_line(struct str s, bool utf8, struct buf *out)
{
	bool good = utf8 && str_is_utf8(s);
	size_t i;

	for (i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		buf_c(out, c < 0x20 || c == 0x7f || (c > 0x7f && !good) ? '?' : (char)c);
	}
}

/* What the class and detail of a status mean to who sent the message (RFC 3463). Longest first. */
static const char *advice(struct str status)
{
	static const struct {
		const char *detail, *text;
	} row[] = {
		{ "1.1", "There is no such address. Please check how it is written, then send the message again." },
		{ "1.2", "There is no mail server for this domain. Please check how the address is written,\n"
			"then send the message again." },
		{ "1.3", "The address is not written correctly. Please correct it, then send the message again." },
		{ "1.6", "The person has moved to another address. Please ask for the new one." },
		{ "1.10", "This domain takes no mail at all. Please check how the address is written." },
		{ "2.1", "The mailbox is closed at present. Please try another way to reach the person." },
		{ "2.2", "The mailbox is full. Please tell the person by another way, and send the message\n"
			"again when there is room." },
		{ "2.3", "The message is too large for this mailbox. Please send it in smaller parts, or a link." },
		{ "3.4", "The message is too large for the server there. Please send it in smaller parts, or a link." },
		{ "4.6", "The message ran in a circle: a forwarding leads back to where it came from. The\n"
			"administrator of the address has to mend this; please show this report there." },
		{ "4.7", "The server there could not be reached, or did not take the message, in all this time.\n"
			"Please send it again later, or try another way." },
		{ "6.7", "The server there cannot take addresses with characters beyond ASCII. Please use an\n"
			"address without them, if there is one." },
	};
	size_t i;

	for (i = 0; status.n > 2 && i < ARRAY_LEN(row); i++)
		if (str_eqc(str_from(status, 2), row[i].detail))
			return row[i].text;
	if (status.n > 2 && status.p[2] == '7')
		return "The server there refuses this message by its rules. Its words above may say why; if not,\n"
			"please show this report to its administrator, or to yours.";
	return "The words above may say why. If they do not help, please show this report to your\n"
		"administrator.";
}

/* What can be done is at this server, not at another; and not with a command, for that is not the reader's. */
static const char *advice_of(const struct report_rcpt *c)
{
	switch (c->by) {
	case REPORT_BY_LIST:
		return "Please check how the address is written. If it is right, ask the administrator of this\n"
			"mail server to let mail to it through again, or send the message again after that time.";
	case REPORT_BY_ADMIN:
		return "Please ask the administrator of this mail server why, before you send the message again.";
	case REPORT_BY_SERVER:
		break;
	}
	return advice(c->status);
}

static void day(int64_t time, struct buf *out)
{
	date_print(time, 0, out);
}

static bool all_failed(const struct report *r)
{
	size_t i;

	for (i = 0; i < r->nrcpt && r->rcpt[i].action == REPORT_FAILED; i++)
		;
	return i == r->nrcpt;
}

static void opening(const struct report *r, struct buf *out)
{
	buf_puts(out, "This is the mail server ");
	report_line(r->hostname, false, out);
	buf_puts(out, ".\n\n");
	if (r->alias.n) {
		buf_puts(out, "The address ");
		report_line(str_sub(r->alias, 0, 400), true, out);
		buf_puts(out, " sends its mail on. This server accepted a message\nfrom ");
		report_line(str_sub(r->origin, 0, 400), true, out);
		buf_puts(out, " for it, which is not taken at:\n");
		return;
	}
	switch (report_about(r)) {
	case REPORT_FAILED:
		buf_puts(out, all_failed(r) ? "Your message could not be delivered to:\n" :
			"Your message could not be delivered to all of these:\n");
		break;
	case REPORT_DELAYED:
		buf_puts(out, "Your message has not been delivered yet. You need not do anything, and need not\n"
			"send it again: the server goes on trying.\n");
		break;
	case REPORT_EXPANDED:
	case REPORT_RELAYED:
	case REPORT_DELIVERED:
		buf_puts(out, "You asked for this notice: your message has arrived.\n");
		break;
	}
}

/* The sentence for one recipient, in front of what the server said. */
static void happened(const struct report_rcpt *c, struct buf *out)
{
	switch (c->action) {
	case REPORT_FAILED:
		buf_puts(out, c->by == REPORT_BY_LIST ? "not delivered: this mail server does not send it." :
			c->by == REPORT_BY_ADMIN ? "not delivered. The administrator of this mail server has ended it." : "not delivered.");
		break;
	case REPORT_DELAYED:
		buf_puts(out, "not delivered yet.");
		if (c->retry_until) {
			buf_puts(out, " It is tried until ");
			day(c->retry_until, out);
			buf_puts(out, ";\n    if it has not arrived by then, you will be told.");
		}
		break;
	case REPORT_EXPANDED:
		buf_puts(out, "passed on to the addresses behind this one. They send no such notice.");
		break;
	case REPORT_RELAYED:
		buf_puts(out, "passed on to the server ");
		report_line(c->remote.n ? c->remote : STR("in charge"), false, out);
		buf_puts(out, ",\n    which does not tell when it is delivered.");
		break;
	case REPORT_DELIVERED:
		buf_puts(out, "delivered to the mailbox.");
		break;
	}
	buf_c(out, '\n');
}

static void words(const struct report_rcpt *c, struct buf *out)
{
	if (!c->reply.n || c->action >= REPORT_EXPANDED || c->by == REPORT_BY_ADMIN)
		return;
	if (!c->code) {
		buf_puts(out, "    The reason: ");
	} else {
		buf_puts(out, "    ");
		if (c->remote.n) {
			buf_puts(out, "The server ");
			report_line(str_sub(c->remote, 0, 255), false, out);
		} else {
			buf_puts(out, "This server");
		}
		buf_fmt(out, " said:\n      %d ", c->code);
		if (c->status.n) {
			report_line(str_sub(c->status, 0, 12), false, out);
			buf_c(out, ' ');
		}
	}
	report_line(str_sub(c->reply, 0, 500), false, out);
	buf_c(out, '\n');
}

/* The advice is given once for all that it fits. */
static bool advised_before(const struct report *r, size_t i)
{
	const char *text = advice_of(&r->rcpt[i]);
	size_t j;

	for (j = 0; j < i && j < 100; j++)
		if (r->rcpt[j].action == REPORT_FAILED && advice_of(&r->rcpt[j]) == text)
			return true;
	return i >= 100;
}

static void one(const struct report *r, size_t i, struct buf *out)
{
	const struct report_rcpt *c = &r->rcpt[i];

	buf_puts(out, "\n  ");
	report_line(str_sub(c->address, 0, 900), true, out);
	buf_puts(out, "\n    ");
	happened(c, out);
	words(c, out);
	if (c->action == REPORT_FAILED && !r->alias.n && !advised_before(r, i)) {
		buf_puts(out, "\nWhat to do: ");
		buf_puts(out, advice_of(c));
		buf_c(out, '\n');
	}
}

void report_text(const struct report *r, struct buf *out)
{
	size_t i;

	opening(r, out);
	for (i = 0; i < r->nrcpt; i++)
		one(r, i, out);
	if (r->alias.n)
		buf_puts(out, "\nNothing confirms that the message is from that sender (SPF, DKIM), so he is not told: a\n"
			"report would hit whoever's name was forged. You get it as the postmaster of the address\n"
			"that sends it on. Where the target is gone for good, change or remove that alias; where it\n"
			"refuses spam, nothing is to be done.\n");
	buf_puts(out, "\nThe server received the message on ");
	day(r->arrival, out);
	buf_fmt(out, ".\nBelow are the details for administrators, and %s.\n",
		r->alias.n ? (r->whole ? "the message" : "the header of the message") :
		r->whole ? "your message" : "the header of your message");
}
