package plugintest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// try renders d and, where the target takes it, sends it.
func (k *kit) try(t *testing.T, what string, d plugin.Delivery) (plugin.Request, error) {
	t.Helper()
	if k.byHTTP() {
		k.server.play(k.target.Accept)
	}
	options, ev := string(d.Options), string(d.Event)
	request, err := k.sender.Render(t.Context(), d)
	if err == nil {
		k.shown(t, what+": Render", request)
	}
	if k.byHTTP() && k.server.count() > 0 {
		t.Errorf("%s: Render talked to the target", what)
	}
	if k.byHTTP() || k.target.Takes {
		receipt, sent := k.sender.Send(t.Context(), d)
		k.bounded(t, what, receipt)
		if (sent == nil) != (err == nil) {
			t.Errorf("%s: Render says %v, and Send says %v", what, err, sent)
		}
	}
	if string(d.Options) != options || string(d.Event) != ev {
		t.Errorf("%s: the delivery was changed", what)
	}
	return request, err
}

// survives only wants no panic: what cannot be read is an error or not.
func (k *kit) survives(t *testing.T, d plugin.Delivery) {
	t.Helper()
	_, _ = k.sender.Render(t.Context(), d)
	if k.byHTTP() {
		k.server.play(k.target.Accept)
	}
	if k.byHTTP() || k.target.Takes {
		_, _ = k.sender.Send(t.Context(), d)
	}
}

// shown holds a request to what may be kept and shown.
func (k *kit) shown(t *testing.T, what string, r plugin.Request) {
	t.Helper()
	if r.Method == "" || r.URL == "" {
		t.Errorf("%s: no method or no URL: %+v", what, r)
	}
	texts := []string{r.Method, r.URL}
	for name, value := range r.Headers {
		texts = append(texts, name, value)
	}
	for _, s := range texts {
		if strings.ContainsAny(s, "\r\n\x00") {
			t.Errorf("%s: %q would be two lines of a header", what, s)
		}
	}
	contentType := r.Headers["Content-Type"]
	if r.Body != "" && strings.Contains(contentType, "json") && !json.Valid([]byte(r.Body)) {
		t.Errorf("%s: the body is not JSON: %q", what, r.Body)
	}
	if r.Body != "" && strings.HasPrefix(contentType, "text/") && !utf8.ValidString(r.Body) {
		t.Errorf("%s: the body is not UTF-8: %q", what, r.Body)
	}
}

// bounded holds a receipt to the contract's bounds.
func (k *kit) bounded(t *testing.T, what string, r plugin.Receipt) {
	t.Helper()
	if len(r.Reply) > plugin.MaxReply || !utf8.ValidString(r.Reply) {
		t.Errorf("%s: the receipt's reply is %d bytes, at most %d of UTF-8 are kept", what, len(r.Reply), plugin.MaxReply)
	}
	if len(r.Resume) > plugin.MaxResume {
		t.Errorf("%s: the receipt's resume is %d bytes, at most %d are kept", what, len(r.Resume), plugin.MaxResume)
	}
	if r.Latency < 0 || r.Status < 0 || r.Status > 999 {
		t.Errorf("%s: latency %s, status %d", what, r.Latency, r.Status)
	}
	if !slices.Contains([]plugin.Scope{"", plugin.ScopeMessage, plugin.ScopeTargetGone, plugin.ScopeMisconfigured}, r.Scope) {
		t.Errorf("%s: the scope %q is not a sender's to give", what, r.Scope)
	}
}

// everyEvent: each type of event, as full as it comes, becomes a message.
func (k *kit) everyEvent(t *testing.T) {
	for _, typ := range event.Types() {
		if _, err := k.try(t, string(typ), k.delivery(event.Sample(typ))); err != nil {
			t.Errorf("%s: %v", typ, err)
		}
	}
	d := k.delivery(event.Sample(event.ArtifactPushed))
	d.Body, d.ContentType = []byte(`{"made":"by the host"}`), "application/json"
	d.Headers = map[string]string{"Ce-Type": "kit"}
	_, _ = k.try(t, "a message rendered by the host", d) // which may be refused
}

// eventsInPart: what an event does not say costs nobody the message.
func (k *kit) eventsInPart(t *testing.T) {
	for _, typ := range event.Types() {
		var whole map[string]json.RawMessage
		if err := json.Unmarshal(encode(event.Sample(typ)), &whole); err != nil {
			t.Fatal(err)
		}
		for _, part := range slices.Sorted(maps.Keys(whole)) {
			rest := maps.Clone(whole)
			delete(rest, part)
			what := fmt.Sprintf("%s without %s", typ, part)
			if _, err := k.try(t, what, k.raw(encode(rest))); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	for _, e := range []string{`{}`, `{"v":1,"type":"artifact.pushed"}`, `{"v":1,"type":"artifact.teleported","artifact":{},"repository":{},"new":[1]}`} {
		if _, err := k.try(t, e, k.raw([]byte(e))); err != nil {
			t.Errorf("an event that is %s: %v", e, err)
		}
	}
	for _, e := range []string{``, `null`, `[]`, `"x"`, `{`, `{"type":7}`, `{"repository":"x","artifact":[]}`} {
		k.survives(t, k.raw([]byte(e)))
	}
	d := k.delivery(event.Sample(event.ArtifactPushed))
	d.Resume = []byte("\x00not what this sender wrote")
	if _, err := k.try(t, "a resume that it did not write", d); err != nil {
		t.Errorf("a resume that it did not write: %v", err)
	}
}

// hostile are names that strangers choose.
func hostile() []string {
	return []string{
		"\r\nX-Injected: yes\r\n\r\nbody", "\x00", "\x1b[31mred", "\u202egnp.exe", "\u2028line\u2029end", "\xff\xfe", "\xed\xa0\x80",
		`"}],"injected":true,"x":[{"y":"`, `\`, `\u0000`, "<script>alert(1)</script>", "</a><b>", "<!channel>", "<!here|x>", "<@U123>", "@all", "@everyone",
		"[click](https://evil.example)", "![x](https://evil.example/x.png)", "https://evil.example/", "javascript:alert(1)", "*bold* _it_ ~no~ `code`", "# head\n> quote",
		"{{.secret}}", "${jsonpath}", "%0d%0aX-Injected:%20yes", "%s%n%d", "'; drop table events; --", "../../etc/passwd", "&amp;&lt;", "=1+1",
		strings.Repeat("a", 20_000), strings.Repeat("\U0001F9D1\u200d\U0001F692", 500), "e" + strings.Repeat("\u0301", 2000), "", " ", "\t\n",
	}
}

// hostileNames: what strangers choose breaks neither the framing of a request nor its JSON.
func (k *kit) hostileNames(t *testing.T) {
	for _, name := range hostile() {
		for _, typ := range []event.Type{event.ArtifactPushed, event.BuildFailed, event.VulnerabilityFound, event.Digest} {
			what := fmt.Sprintf("%s of %.40q", typ, name)
			if _, err := k.try(t, what, k.raw(renamed(event.Sample(typ), name))); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			if !k.byHTTP() {
				continue
			}
			for _, r := range k.server.taken() {
				if r.Header.Get("X-Injected") != "" {
					t.Errorf("%s: it became a header", what)
				}
				if strings.Contains(r.Header.Get("Content-Type"), "json") && !json.Valid(r.Body) {
					t.Errorf("%s: the body is not JSON: %.200q", what, r.Body)
				}
			}
			if n := k.server.count(); n > 1 {
				t.Errorf("%s: %d requests", what, n)
			}
		}
	}
}

// renamed is e with every text in it name, but for those of closed lists and times.
func renamed(e event.Event, name string) []byte {
	var rename func(v any, key string) any
	rename = func(v any, key string) any {
		switch v := v.(type) {
		case string:
			switch key {
			case "type", "status", "time", "time_source", "received", "origin", "kind", "severity", "started", "ended":
				return v
			}
			return name
		case []any:
			for i := range v {
				v[i] = rename(v[i], key)
			}
		case map[string]any:
			for key, value := range v {
				v[key] = rename(value, key)
			}
		}
		return v
	}
	return encode(rename(decode(string(encode(e))), ""))
}

// deadContext: a call whose context has ended ends too. Nothing is sent.
func (k *kit) deadContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.call(ctx, t, "a context that has ended", k.delivery(event.Sample(event.ArtifactPushed))); err == nil {
		t.Error("Send says delivered, though its context had ended before")
	}
}
