/* SPDX-License-Identifier: ISC
 *
 * completion.c: what the Tab key offers behind `mansio`, for bash, zsh and fish,
 * from the table of verbs: nouns and verbs without one first, the verbs of a
 * noun, then the names of arguments and flags.
 */
#include "master/cmdline.h"

static const char options[] = "--json --state --config --help";

/* Every noun once, verbs without one by themselves. */
static bool first_of_noun(size_t i)
{
	size_t k;

	for (k = 0; verbs[i].noun[0] && k < i; k++)
		if (strcmp(verbs[k].noun, verbs[i].noun) == 0)
			return false;
	return true;
}

static void first_words(struct buf *out)
{
	size_t i;

	for (i = 0; i < nverbs; i++)
		if (first_of_noun(i))
			buf_fmt(out, "%s ", verbs[i].noun[0] ? verbs[i].noun : verbs[i].name);
	buf_puts(out, options);
}

static void verbs_of(const char *noun, struct buf *out)
{
	size_t i;

	for (i = 0; i < nverbs; i++)
		if (strcmp(verbs[i].noun, noun) == 0)
			buf_fmt(out, "%s ", verbs[i].name);
}

/* NAME= for what is given by name, --NAME for flags; a secret is never typed there. */
static void arguments(const struct verb *v, struct buf *out)
{
	struct verb_arg arg[VERB_ARGS];
	size_t n = verb_args(v, arg), i;

	for (i = 0; i < n; i++) {
		bool position = arg[i].mark && arg[i].mark != '^';

		if (arg[i].type == ARG_FLAG)
			buf_fmt(out, "--%.*s ", STRF(arg[i].name));
		else if (arg[i].type != ARG_SECRET && !position)
			buf_fmt(out, "%.*s= ", STRF(arg[i].name));
	}
	buf_puts(out, options);
}

/* The rows of a `case` on "FIRST SECOND". */
static void rows(struct buf *out)
{
	size_t i;

	buf_puts(out, "\t' ') list='");
	first_words(out);
	buf_puts(out, "' ;;\n");
	for (i = 0; i < nverbs; i++) {
		const struct verb *v = &verbs[i];

		if (v->noun[0] && first_of_noun(i)) {
			buf_fmt(out, "\t'%s ') list='", v->noun);
			verbs_of(v->noun, out);
			buf_puts(out, "' ;;\n");
		}
		buf_fmt(out, v->noun[0] ? "\t'%s %s') list='" : "\t'%s%s '*) list='", v->noun, v->name);
		arguments(v, out);
		buf_puts(out, "' ;;\n");
	}
}

static void bash(struct buf *out)
{
	buf_puts(out, "# Made by 'mansio help --completion=bash' from the table of verbs.\n"
		"_mansio() {\n"
		"\tlocal cur=${COMP_WORDS[COMP_CWORD]} i first= second= list=\n"
		"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		"\t\tcase ${COMP_WORDS[i]} in\n"
		"\t\t--state|--config) ((i++)) ;;\n"
		"\t\t-*) ;;\n"
		"\t\t*) if [ -z \"$first\" ]; then first=${COMP_WORDS[i]}\n"
		"\t\t   elif [ -z \"$second\" ]; then second=${COMP_WORDS[i]}; fi ;;\n"
		"\t\tesac\n"
		"\tdone\n"
		"\tcase ${COMP_WORDS[COMP_CWORD-1]} in\n"
		"\t--state) COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n"
		"\t--config) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
		"\tesac\n"
		"\tcase \"$first $second\" in\n");
	rows(out);
	buf_puts(out, "\tesac\n"
		"\tCOMPREPLY=($(compgen -W \"$list\" -- \"$cur\"))\n"
		"\tcase ${COMPREPLY[0]-} in *=) compopt -o nospace 2>/dev/null ;; esac\n"
		"}\n"
		"complete -F _mansio mansio\n");
}

static void zsh(struct buf *out)
{
	buf_puts(out, "#compdef mansio\n"
		"# Made by 'mansio help --completion=zsh' from the table of verbs.\n"
		"_mansio() {\n"
		"\tlocal i first= second= list=\n"
		"\tfor ((i = 2; i < CURRENT; i++)); do\n"
		"\t\tcase $words[i] in\n"
		"\t\t--state|--config) ((i++)) ;;\n"
		"\t\t-*) ;;\n"
		"\t\t*) if [[ -z $first ]]; then first=$words[i]\n"
		"\t\t   elif [[ -z $second ]]; then second=$words[i]; fi ;;\n"
		"\t\tesac\n"
		"\tdone\n"
		"\tcase $words[CURRENT-1] in\n"
		"\t--state|--config) _files; return ;;\n"
		"\tesac\n"
		"\tcase \"$first $second\" in\n");
	rows(out);
	buf_puts(out, "\tesac\n"
		"\tlocal -a plain named\n"
		"\tplain=(${${=list}:#*=})\n"
		"\tnamed=(${(M)${=list}:#*=})\n"
		"\tcompadd -- $plain\n"
		"\tcompadd -S '' -- $named\n"
		"}\n"
		"_mansio \"$@\"\n");
}

/* Single quotes of fish: \ and ' are escaped. */
static void fish_quoted(struct buf *out, const char *text)
{
	buf_c(out, '\'');
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			buf_c(out, '\\');
		buf_c(out, *text);
	}
	buf_c(out, '\'');
}

static void fish_verb(const struct verb *v, size_t i, struct buf *out)
{
	struct buf list;

	if (!v->noun[0] || first_of_noun(i)) {
		buf_fmt(out, "complete -c mansio -n '__mansio_at \"\"' -a %s", v->noun[0] ? v->noun : v->name);
		if (!v->noun[0]) {
			buf_puts(out, " -d ");
			fish_quoted(out, v->text);
		}
		buf_c(out, '\n');
	}
	if (v->noun[0]) {
		buf_fmt(out, "complete -c mansio -n '__mansio_at %s' -a %s -d ", v->noun, v->name);
		fish_quoted(out, v->text);
		buf_c(out, '\n');
	}
	buf_init(&list, 4096);
	arguments(v, &list);
	buf_fmt(out, "complete -c mansio -n '__mansio_at %s%s%s' -a '%s'\n", v->noun, v->noun[0] ? " " : "", v->name,
		buf_cstr(&list));
	buf_done(&list);
}

static void fish(struct buf *out)
{
	size_t i;

	buf_puts(out, "# Made by 'mansio help --completion=fish' from the table of verbs.\n"
		"# The words of noun and verb that stand there already are just these\n"
		"function __mansio_at\n"
		"\tset -l words (commandline -opc)[2..-1]\n"
		"\tset -l plain (string match -v -- '-*' $words)\n"
		"\tset -l want (string split -n ' ' -- \"$argv\")\n"
		"\tset -l n (count $want)\n"
		"\tif test $n -lt 2 -a (count $plain) -ne $n\n"
		"\t\treturn 1\n"
		"\tend\n"
		"\ttest $n -eq 0; or test \"$plain[1..$n]\" = \"$want\"\n"
		"end\n"
		"complete -c mansio -f\n");
	for (i = 0; i < nverbs; i++)
		fish_verb(&verbs[i], i, out);
}

int help_completion(struct str shell, struct buf *out)
{
	if (str_eqc(shell, "bash"))
		bash(out);
	else if (str_eqc(shell, "zsh"))
		zsh(out);
	else if (str_eqc(shell, "fish"))
		fish(out);
	else
		return E_UNSUPPORTED;
	return 0;
}
