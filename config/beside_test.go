package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// goodRegistry is a registry's file in which nothing is to be said.
const goodRegistry = `version: 0.1
storage: {inmemory: {}, delete: {enabled: true}}
notifications:
  events: {includereferences: true}
  endpoints:
  - name: bellbuoy
    url: http://127.0.0.1:5080/in/hub
    headers: {Authorization: [Bearer s3cret]}
    timeout: 5s
`

// beside reads a registry's file with text, called reg.yml, and, unless own is "",
// bellbuoy's own, called bb.yml. It returns the faults as they are printed.
func beside(t *testing.T, text, own, endpoint string) (*Config, []string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ownFile := ""
	if own != "" {
		ownFile = write("bb.yml", own)
	}
	c, faults := LoadBeside(ownFile, Beside{File: write("reg.yml", text), Endpoint: endpoint}, known)
	var lines []string
	for _, f := range faults {
		lines = append(lines, strings.ReplaceAll(f.String(), dir+string(filepath.Separator), ""))
	}
	return c, lines
}

// compare fails t unless got are the lines of want.
func compare(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestRegistryFileMistakes(t *testing.T) {
	change := func(old, new string) string {
		if !strings.Contains(goodRegistry, old) {
			t.Fatalf("nothing to change: %q", old)
		}
		return strings.Replace(goodRegistry, old, new, 1)
	}
	const last = "    timeout: 5s\n"
	ep := func(lines string) string { return change(last, last+lines) }
	url := func(url string) string { return change("http://127.0.0.1:5080/in/hub", url) }
	headers := func(headers string) string { return change("{Authorization: [Bearer s3cret]}", headers) }
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"good", goodRegistry, nil},
		{"empty", "# nothing\n", []string{`reg.yml: is empty: name the config.yml that the registry is started with`}},
		{"no yaml", "a: b: c\n", []string{`reg.yml:1: is no YAML: mapping values are not allowed in this context: correct the YAML about here`}},
		{"a list", "- a\n", []string{`reg.yml:1: wants keys and values, found a list: write "key: value"`}},
		{"second document", goodRegistry + "---\na: b\n", []string{`reg.yml:10: warning: a second document begins here, which the registry does not read, nor bellbuoy: remove the "---"`}},
		{"no notifications", "version: 0.1\n", []string{"reg.yml: has no \"notifications\", so the registry tells nobody anything: add what `bellbuoy connect distribution` prints"}},
		{"misspelt notifications", change("notifications:", "notification:"), []string{`reg.yml:3: notification: the registry does not know this key and ignores it without a word: did you mean "notifications"?`}},
		{"empty notifications", "notifications:\nstorage: {delete: {enabled: true}}\n", []string{"reg.yml: notifications.endpoints: none is named \"bellbuoy\": add what `bellbuoy connect distribution` prints"}},
		{"duplicate of others", goodRegistry + "log: {level: a}\nlog: {level: b}\n", []string{`reg.yml:11: log: warning: is given twice, first in line 10: remove one`}},
		{"duplicate of ours", ep("    timeout: 6s\n"), []string{`reg.yml:10: notifications.endpoints[0].timeout: is given twice, first in line 9: remove one`}},
		{"camel case references", change("includereferences", "includeReferences"), []string{`reg.yml:4: notifications.events.includeReferences: the registry does not know this key and ignores it without a word: did you mean "includereferences"?`}},
		{"no references", change("  events: {includereferences: true}\n", ""), []string{`reg.yml:4: notifications.events.includereferences: warning: is not true, so bellbuoy cannot tell an image from a chart, a signature or an SBOM: set it to true`}},
		{"references false", change("includereferences: true", "includereferences: false"), []string{`reg.yml:4: notifications.events.includereferences: warning: is not true, so bellbuoy cannot tell an image from a chart, a signature or an SBOM: set it to true`}},
		{"references no bool", change("includereferences: true", "includereferences: maybe"), []string{`reg.yml:4: notifications.events.includereferences: wants true or false, found "maybe": write one of the two`}},
		{"references yes", change("includereferences: true", "includereferences: yes"), nil},
		{"camel case endpoints", change("endpoints:", "endPoints:"), []string{`reg.yml:5: notifications.endPoints: the registry does not know this key and ignores it without a word: did you mean "endpoints"?`}},
		{"unknown in notifications", change("  events:", "  kafka: {}\n  events:"), []string{`reg.yml:4: notifications.kafka: warning: the registry does not know this key and ignores it without a word: there are events and endpoints`}},
		{"no endpoints", "storage: {delete: {enabled: true}}\nnotifications: {events: {includereferences: true}}\n", []string{"reg.yml: notifications.endpoints: none is named \"bellbuoy\": add what `bellbuoy connect distribution` prints"}},
		{"other endpoint", change("name: bellbuoy", "name: ci"), []string{"reg.yml:5: notifications.endpoints: none is named \"bellbuoy\": add what `bellbuoy connect distribution` prints, or name the one that posts to bellbuoy with --endpoint; there is only ci"}},
		{"near endpoint", change("name: bellbuoy", "name: belbuoy"), []string{"reg.yml:5: notifications.endpoints: none is named \"bellbuoy\": add what `bellbuoy connect distribution` prints, or name the one that posts to bellbuoy with --endpoint; did you mean \"belbuoy\"?"}},
		{"nameless", change("name: bellbuoy\n    url", "url"), []string{
			"reg.yml:5: notifications.endpoints: none is named \"bellbuoy\": add what `bellbuoy connect distribution` prints",
			`reg.yml:6: notifications.endpoints[0].name: warning: is missing: in its log and metrics the registry has no name for it`,
		}},
		{"two of ours", goodRegistry + "  - {name: bellbuoy, url: 'http://127.0.0.1:5080/in/hub'}\n", []string{`reg.yml:10: notifications.endpoints[1].name: "bellbuoy" is the name of the endpoint in line 6 too, so which of them is bellbuoy's is not known: give one of them another`}},
		{"others", goodRegistry + "  - {name: ci, url: x, timeOut: 5}\n  - {name: ci, timeout: 5, headers: {A: b}}\n  - {url: http://x}\n", []string{
			`reg.yml:10: notifications.endpoints[1].timeOut: warning: the registry does not know this key and ignores it without a word: did you mean "timeout"?`,
			`reg.yml:11: notifications.endpoints[2].headers.A: warning: wants a list, found text, and so the registry does not start: put the value in brackets, as in [Bearer SECRET]`,
			`reg.yml:11: notifications.endpoints[2].timeout: warning: 5 has no unit, and the registry takes it for nanoseconds without a word: write it with one, such as 5s`,
			`reg.yml:11: notifications.endpoints[2].name: warning: "ci" is the name of an endpoint above too: in its log and metrics the registry cannot tell them apart`,
			`reg.yml:12: notifications.endpoints[3].name: warning: is missing: in its log and metrics the registry has no name for it`,
		}},
		{"endpoints keys", change("  - name: bellbuoy", "    name: bellbuoy"), []string{`reg.yml:6: notifications.endpoints: wants a list, found keys and values: begin each item with "- "`}},
		{"timeout 500", change("timeout: 5s", "timeout: 500"), []string{`reg.yml:9: notifications.endpoints[0].timeout: 500 has no unit, and the registry takes it for nanoseconds without a word: write it with one, such as 5s`}},
		{"timeout float", change("timeout: 5s", "timeout: 0.5"), []string{`reg.yml:9: notifications.endpoints[0].timeout: 0.5 has no unit, and the registry takes it for nanoseconds without a word: write it with one, such as 5s`}},
		{"timeout text", change("timeout: 5s", "timeout: 5 s"), []string{`reg.yml:9: notifications.endpoints[0].timeout: "5 s" is no length of time, and so the registry does not start: write it like 5s`}},
		{"timeout short", change("timeout: 5s", "timeout: 500ms"), []string{`reg.yml:9: notifications.endpoints[0].timeout: warning: 500ms is short: an answer that waits for a busy disk comes later, and the registry posts the event again; write 5s`}},
		{"timeout list", change("timeout: 5s", "timeout: [5s]"), []string{`reg.yml:9: notifications.endpoints[0].timeout: wants a length of time, found a list: write one value`}},
		{"timeout key", change("timeout: 5s", "timeOut: 5s"), []string{`reg.yml:9: notifications.endpoints[0].timeOut: the registry does not know this key and ignores it without a word: did you mean "timeout"?`}},
		{"backoff", ep("    backoff: 1\n"), []string{`reg.yml:10: notifications.endpoints[0].backoff: 1 has no unit, and the registry takes it for nanoseconds without a word: write it with one, such as 5s`}},
		{"unknown key", ep("    retries: 3\n"), []string{`reg.yml:10: notifications.endpoints[0].retries: warning: the registry does not know this key and ignores it without a word: there are name, disabled, url, headers, timeout, threshold, backoff, ignoredmediatypes and ignore`}},
		{"camel ignore", ep("    ignoredMediaTypes: [a]\n    ignore: {mediaTypes: [application/octet-stream], action: [pull]}\n"), []string{
			`reg.yml:10: notifications.endpoints[0].ignoredMediaTypes: the registry does not know this key and ignores it without a word: did you mean "ignoredmediatypes"?`,
			`reg.yml:11: notifications.endpoints[0].ignore.mediaTypes: the registry does not know this key and ignores it without a word: did you mean "mediatypes"?`,
			`reg.yml:11: notifications.endpoints[0].ignore.action: the registry does not know this key and ignores it without a word: did you mean "actions"?`,
		}},
		{"ignore action", ep("    ignore: {actions: [pulls]}\n"), []string{`reg.yml:10: notifications.endpoints[0].ignore.actions[0]: warning: no event has the action "pulls", so this ignores nothing: did you mean "pull"?`}},
		{"ignore scalar", ep("    ignore: {actions: pull}\n"), []string{`reg.yml:10: notifications.endpoints[0].ignore.actions: wants a list, found text: put it in brackets, [pull]`}},
		{"disabled", ep("    disabled: true\n"), []string{`reg.yml:10: notifications.endpoints[0].disabled: warning: is true, so the registry posts nothing: set it to false when bellbuoy is to hear of events`}},
		{"disabled yes", ep("    disabled: yes\n"), []string{`reg.yml:10: notifications.endpoints[0].disabled: warning: is true, so the registry posts nothing: set it to false when bellbuoy is to hear of events`}},
		{"scalar header", headers("{Authorization: Bearer s3cret}"), []string{`reg.yml:8: notifications.endpoints[0].headers.Authorization: wants a list, found text, and so the registry does not start: put the value in brackets, as in [Bearer SECRET]`}},
		{"no headers", headers(""), nil},
		{"headers list", headers("[Authorization]"), []string{`reg.yml:8: notifications.endpoints[0].headers: wants keys and values, found a list: write "key: value"`}},
		{"two values", headers("{Authorization: [Bearer a, Bearer b]}"), []string{`reg.yml:8: notifications.endpoints[0].headers.Authorization: has 2 values, and the registry sends all of them: keep the one that bellbuoy is to ask for`}},
		{"no value", headers("{Authorization: []}"), []string{`reg.yml:8: notifications.endpoints[0].headers.Authorization: has no value, so the registry does not send it: give it one, or remove it`}},
		{"empty value", headers("{Authorization: ['']}"), []string{`reg.yml:8: notifications.endpoints[0].headers.Authorization: is empty: give it a value, or remove it`}},
		{"bad basic", headers("{Authorization: [Basic user]}"), []string{"reg.yml:8: notifications.endpoints[0].headers.Authorization: begins with Basic, and what follows is not USER:PASSWORD in base64: write what `bellbuoy connect distribution` prints"}},
		{"origin", headers("{Origin: [x]}"), []string{`reg.yml:8: notifications.endpoints[0].headers.Origin: is a header with which bellbuoy does not take a notification: remove it`}},
		{"header with line break", headers(`{X-Token: ["a\nb"]}`), []string{`reg.yml:8: notifications.endpoints[0].headers.X-Token: begins or ends with a blank, or has a line break or a letter beyond ASCII in it, which no header carries: take another secret`}},
		{"bearer with blank", headers(`{Authorization: ["Bearer a b"]}`), []string{`reg.yml:8: notifications.endpoints[0].headers.Authorization: has a blank, a line break or a letter beyond ASCII in it, which no header carries: take another secret`}},
		{"bad header name", headers("{X Token: [a]}"), []string{`reg.yml:8: notifications.endpoints[0].headers.X Token: "X Token" is no name of a header: use letters, digits and "-", as in X-Registry-Token`}},
		{"no url", change("    url: http://127.0.0.1:5080/in/hub\n", ""), []string{`reg.yml:6: notifications.endpoints[0].url: is missing, and the registry starts all the same: add it, such as http://127.0.0.1:5080/in/hub`}},
		{"misspelt url", change("    url:", "    uri:"), []string{`reg.yml:7: notifications.endpoints[0].uri: the registry does not know this key and ignores it without a word: did you mean "url"?`}},
		{"empty url", url(`""`), []string{`reg.yml:7: notifications.endpoints[0].url: is missing, and the registry starts all the same: add it, such as http://127.0.0.1:5080/in/hub`}},
		{"no url at all", url("hub"), []string{`reg.yml:7: notifications.endpoints[0].url: is no URL, and the registry starts all the same: write one such as http://127.0.0.1:5080/in/hub`}},
		{"ftp", url("ftp://127.0.0.1/in/hub"), []string{`reg.yml:7: notifications.endpoints[0].url: begins with ftp://, which the registry cannot post to: write http:// or https://`}},
		{"no path", url("http://127.0.0.1:5080"), []string{`reg.yml:7: notifications.endpoints[0].url: has no path: write http://127.0.0.1:5080/in/hub, with the name that bellbuoy is to have for the registry behind /in/`}},
		{"slash", url("http://127.0.0.1:5080/"), []string{`reg.yml:7: notifications.endpoints[0].url: has no path: write http://127.0.0.1:5080/in/hub, with the name that bellbuoy is to have for the registry behind /in/`}},
		{"bare intake", url("http://127.0.0.1:5080/in/"), []string{`reg.yml:7: notifications.endpoints[0].url: has "" behind /in/, which is no name of a registry: use a to z, 0 to 9, ".", "_" and "-", and begin with a letter or digit`}},
		{"not ours", url("http://ci.example.com/hook"), []string{`reg.yml:7: notifications.endpoints[0].url: is not bellbuoy's, which takes notifications below /in/ only: write one such as http://127.0.0.1:5080/in/hub, or name another endpoint with --endpoint`}},
		{"trailing slash", url("http://127.0.0.1:5080/in/hub/"), []string{`reg.yml:7: notifications.endpoints[0].url: warning: ends with a slash: remove it, since what stands between may answer with a redirect, and the registry follows that without the body and takes it for success`}},
		{"two slashes", url("http://127.0.0.1:5080/in//hub"), []string{`reg.yml:7: notifications.endpoints[0].url: has "" behind /in/, which is no name of a registry: use a to z, 0 to 9, ".", "_" and "-", and begin with a letter or digit`}},
		{"capitals", url("http://127.0.0.1:5080/in/Hub"), []string{`reg.yml:7: notifications.endpoints[0].url: has "Hub" behind /in/, which is no name of a registry: use a to z, 0 to 9, ".", "_" and "-", and begin with a letter or digit`}},
		{"deeper", url("http://127.0.0.1:5080/in/hub/push"), []string{`reg.yml:7: notifications.endpoints[0].url: goes on behind the registry's name, where bellbuoy finds nothing: end it with /in/hub`}},
		{"path secret", url("http://127.0.0.1:5080/in/hub/-/s3cret"), nil},
		{"path secret none", url("http://127.0.0.1:5080/in/hub/-/"), []string{`reg.yml:7: notifications.endpoints[0].url: goes on behind the registry's name, where bellbuoy finds nothing: end it with /in/hub`}},
		{"https", url("https://127.0.0.1:5080/in/hub"), []string{`reg.yml:7: notifications.endpoints[0].url: is https, and bellbuoy has no certificate: write http, add tls, or, where something before bellbuoy takes the TLS away, say with listen where that posts to`}},
		{"port 0", url("http://127.0.0.1:0/in/hub"), []string{`reg.yml:7: notifications.endpoints[0].url: has no port that can be posted to: write one, such as http://127.0.0.1:5080/in/hub`}},
		{"port empty", url("http://127.0.0.1:/in/hub"), []string{`reg.yml:7: notifications.endpoints[0].url: has no port that can be posted to: write one, such as http://127.0.0.1:5080/in/hub`}},
		{"open", strings.Replace(headers("{}"), "127.0.0.1", "bellbuoy", 1), []string{`reg.yml:8: notifications.endpoints[0].headers: are missing, and listen (:5080) can be reached from outside: add what proves that it is the registry, such as {Authorization: [Bearer SECRET]}`}},
		{"no deletes", change(", delete: {enabled: true}", ""), []string{`reg.yml:2: storage.delete.enabled: note: is not true, so the registry refuses every delete, and there is none to tell of`}},
		{"deletes off", change("enabled: true", "enabled: false"), []string{`reg.yml:2: storage.delete.enabled: note: is not true, so the registry refuses every delete, and there is none to tell of`}},
		{"section empty", goodRegistry + "bellbuoy:\n", []string{`reg.yml:10: bellbuoy: is empty: give it a value or remove the key`}},
		{"section faults", goodRegistry + "bellbuoy:\n  lisen: x\n  targets:\n  - {name: ci, type: webhook, hold: 5}\n  rules:\n  - {name: a, deliver: [c]}\n  - {name: a, deliver: [ci]}\n", []string{
			`reg.yml:11: bellbuoy.lisen: unknown key: did you mean "listen"?`,
			`reg.yml:13: bellbuoy.targets[0].hold: 5 has no unit: write 5s, 5m, 5h or 5d`,
			`reg.yml:15: bellbuoy.rules[0].deliver[0]: unknown target "c": did you mean "ci"?`,
			`reg.yml:16: bellbuoy.rules[1].name: "a" is the name of rules[0] too, in line 15: give one of them another`,
		}},
		{"section misspelt", goodRegistry + "belbuoy: {}\n", []string{`reg.yml:10: belbuoy: warning: the registry does not know this key and ignores it without a word: did you mean "bellbuoy"?`}},
		{"port differs", goodRegistry + "bellbuoy: {listen: '127.0.0.1:6000'}\n", []string{`reg.yml:7: notifications.endpoints[0].url: has port 5080, and listen (127.0.0.1:6000) in reg.yml:10 has another: write the same, or remove listen`}},
		{"admin same", goodRegistry + "bellbuoy: {admin: {listen: '127.0.0.1:5080'}}\n", []string{`reg.yml:10: bellbuoy.admin.listen: 127.0.0.1:5080 is the intake's address too: give one of them another port`}},
		{"other secret", goodRegistry + "bellbuoy: {registries: [{name: hub, type: distribution, auth: {bearer: other}}]}\n", []string{
			`reg.yml:8: notifications.endpoints[0].headers: do not have what auth in reg.yml:10 asks of the registry, so bellbuoy would refuse every notification: write the same secret in both, or remove auth`,
			`reg.yml:10: bellbuoy.registries[0].auth.bearer: warning: the secret stands in this file, for all who can read it: write {env: NAME} or {file: PATH}`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, got := beside(t, tt.text, "", "")
			compare(t, got, tt.want)
		})
	}
}
