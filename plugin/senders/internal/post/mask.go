package post

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin"
)

const masked = "***"

// MaskURL is u for people: user, password and every value of the query are masked.
// The path is shown.
func MaskURL(u *url.URL) string {
	var b strings.Builder
	b.WriteString(u.Scheme + "://")
	if u.User != nil {
		b.WriteString(masked + "@")
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
		b.WriteString(masked)
	}
	return b.String()
}

// Mask hides secrets in texts: a target may repeat in its reply what it was sent. A nil
// Mask hides nothing but what [MaskURL] does.
type Mask struct {
	secrets  []string // as they were given
	replacer *strings.Replacer
}

// NewMask hides secrets, each as it is, as a URL or JSON may spell it, and without the word in
// front of credentials ("Bearer ..."). What is shorter than four bytes is left, since it
// would be found everywhere.
func NewMask(secrets ...string) *Mask {
	var all []string
	add := func(s string) {
		if len(s) >= 4 && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	for _, s := range secrets {
		add(s)
		add(url.QueryEscape(s))
		add(url.PathEscape(s))
		add(inJSON(s, true))
		add(inJSON(s, false))
		if _, credentials, ok := strings.Cut(s, " "); ok {
			add(strings.TrimSpace(credentials))
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) }) // a part must not break up the whole
	var pairs []string
	for _, s := range all {
		pairs = append(pairs, s, masked)
	}
	return &Mask{secrets, strings.NewReplacer(pairs...)}
}

// And is m that hides more secrets too.
func (m *Mask) And(secrets ...string) *Mask {
	if m != nil {
		secrets = slices.Concat(m.secrets, secrets)
	}
	return NewMask(secrets...)
}

// inJSON is s between the quotes of a JSON text; html has it as the encoder of Go does.
func inJSON(s string, html bool) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	if e.Encode(s) != nil {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), `"`), "\"\n")
}

// SecretsOf are the parts of u that [MaskURL] masks, and may turn up elsewhere.
func SecretsOf(u *url.URL) (secrets []string) {
	if u.User != nil {
		password, _ := u.User.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(u.User.Username() + ":" + password))
		secrets = append(secrets, u.User.Username(), password, credentials)
	}
	secrets = append(secrets, u.RawQuery)
	for _, pair := range strings.Split(u.RawQuery, "&") {
		_, raw, _ := strings.Cut(pair, "=")
		secrets = append(secrets, raw)
	}
	for _, values := range u.Query() {
		secrets = append(secrets, values...)
	}
	return secrets
}

// Text is s without the secrets.
func (m *Mask) Text(s string) string {
	if m == nil {
		return s
	}
	return m.replacer.Replace(s)
}

// Reply is what a target said, for a receipt: at most its first KiB, without the secrets.
func (m *Mask) Reply(s string) string { return cut(m.Text(s), plugin.MaxReply) }

func (m *Mask) url(u *url.URL) string { return m.Text(MaskURL(u)) }
