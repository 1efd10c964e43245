/* SPDX-License-Identifier: ISC
 *
 * pam_check.c: see pam_check.h.
 *
 * The conversation answers a question whose answer is not to be seen (the password), hears what only tells something,
 * and refuses all else. A delay that a module wants after a failure is not kept: slowing down who guesses is
 * authd's, by account and network, and a worker must not wait for it.
 *
 * Good is: the user proved it, the account may be used (pam_acct_mgmt), and no module made another user of him.
 */
#include "auth/pam_check.h"

#include <crypt.h>
#include <security/pam_appl.h>

static void forget(struct pam_response *r, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		if (r[i].resp)
			explicit_bzero(r[i].resp, strlen(r[i].resp));
		free(r[i].resp);
	}
	free(r);
}

/* arg: the password. PAM frees the answers. */
static int converse(int n, const struct pam_message **msg, struct pam_response **out, void *arg)
{
	struct pam_response *r;
	int i;

	if (n <= 0 || n > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	r = mem_alloc((size_t)n, sizeof(*r));
	for (i = 0; i < n; i++) {
		switch (msg[i]->msg_style) {
		case PAM_PROMPT_ECHO_OFF:
			r[i].resp = mem_strdup(arg);
			break;
		case PAM_TEXT_INFO:
		case PAM_ERROR_MSG:
			break;
		default:
			forget(r, n);
			return PAM_CONV_ERR;
		}
	}
	*out = r;
	return PAM_SUCCESS;
}

static void no_delay(int status, unsigned us, void *arg)
{
	(void)status;
	(void)us;
	(void)arg;
}

/* What PAM said: yes, no, or that it cannot tell now. */
static enum pam_verdict verdict_of(int r)
{
	switch (r) {
	case PAM_SUCCESS:
		return PAM_CHECK_GOOD;
	case PAM_OPEN_ERR:
	case PAM_SYMBOL_ERR:
	case PAM_SERVICE_ERR:
	case PAM_SYSTEM_ERR:
	case PAM_BUF_ERR:
	case PAM_AUTHINFO_UNAVAIL:
	case PAM_ABORT:
	case PAM_BAD_ITEM:
	case PAM_MODULE_UNKNOWN:
		return PAM_CHECK_DOWN;
	default:
		return PAM_CHECK_WRONG;
	}
}

static bool is_still(pam_handle_t *h, const char *user)
{
	const void *now = NULL;

	return pam_get_item(h, PAM_USER, &now) == PAM_SUCCESS && now && strcmp(now, user) == 0;
}

enum pam_verdict pam_check(const char *service, const char *user, const char *password, char why[PAM_WHY_MAX])
{
	struct pam_conv conv = { converse, (void *)(uintptr_t)password };
	enum pam_verdict v;
	pam_handle_t *h;
	int r = pam_start(service, user, &conv, &h);

	why[0] = '\0';
	if (r == PAM_SUCCESS) {
		pam_set_item(h, PAM_FAIL_DELAY, (const void *)no_delay);
		r = pam_authenticate(h, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
		if (r == PAM_SUCCESS) {
			r = pam_acct_mgmt(h, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
			if (r != PAM_SUCCESS)
				snprintf(why, PAM_WHY_MAX, "%s has the right password and may not log in: %s", user, pam_strerror(h, r));
		}
		if (r == PAM_SUCCESS && !is_still(h, user))
			r = PAM_PERM_DENIED;
		v = verdict_of(r);
	} else {
		v = PAM_CHECK_DOWN;
		h = NULL;
	}
	if (v == PAM_CHECK_DOWN)
		snprintf(why, PAM_WHY_MAX, "the service '%s' cannot say whether %s may log in: %s", service, user, pam_strerror(h, r));
	if (h)
		pam_end(h, r);
	return v;
}

enum pam_verdict pam_check_nobody(const char *password)
{
	static struct crypt_data work;
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];

	if (crypt_gensalt_rn(NULL, 0, NULL, 0, setting, sizeof(setting)))
		(void)crypt_rn(password, setting, &work, sizeof(work));
	return PAM_CHECK_WRONG;
}
