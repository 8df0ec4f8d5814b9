package webhook

import (
	"net/url"
	"slices"
	"strings"
)

const mask = "***"

// maskURL is u for people: user, password and every value of the query are masked.
// The path is shown.
func maskURL(u *url.URL) string {
	var b strings.Builder
	b.WriteString(u.Scheme + "://")
	if u.User != nil {
		b.WriteString(mask + "@")
	}
	b.WriteString(u.Host)
	b.WriteString(u.EscapedPath())
	for i, pair := range strings.Split(u.RawQuery, "&") {
		if u.RawQuery == "" {
			break
		}
		b.WriteByte("?&"[min(i, 1)])
		if key, _, ok := strings.Cut(pair, "="); ok {
			b.WriteString(key + "=")
		}
		b.WriteString(mask)
	}
	return b.String()
}

// newRedactor masks what is secret in texts of others: a target may repeat in its
// reply what it was sent. What is shorter than four bytes is left, since it would be
// found everywhere.
func (o *options) newRedactor() *strings.Replacer {
	var secrets []string
	add := func(s string) {
		if len(s) >= 4 {
			secrets = append(secrets, s)
		}
	}
	for _, values := range o.header {
		for _, v := range values {
			add(v)
			if _, credentials, ok := strings.Cut(v, " "); ok {
				add(strings.TrimSpace(credentials)) // Bearer ...
			}
		}
	}
	if o.url.User != nil {
		add(o.url.User.Username())
		password, _ := o.url.User.Password()
		add(password)
	}
	add(o.url.RawQuery)
	for _, pair := range strings.Split(o.url.RawQuery, "&") {
		_, raw, _ := strings.Cut(pair, "=")
		add(raw)
	}
	for _, values := range o.url.Query() {
		for _, v := range values {
			add(v)
		}
	}
	if len(secrets) == 0 {
		return nil
	}
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // a part must not break up the whole
	var pairs []string
	for _, s := range secrets {
		pairs = append(pairs, s, mask)
	}
	return strings.NewReplacer(pairs...)
}

func (o *options) redact(s string) string {
	if o.redactor == nil {
		return s
	}
	return o.redactor.Replace(s)
}
