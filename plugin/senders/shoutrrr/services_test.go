package shoutrrr

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

// samples are URLs of every service, and the host that each asks.
func samples() map[string][2]string {
	return map[string][2]string{
		"bark":       {"bark://:k3yOfTheDevice@bark.example.com", "bark.example.com"},
		"generic":    {"generic://example.com/hooks/s3cretPath", "example.com"},
		"gotify":     {"gotify://gotify.example.com/AbCdEfGhIjKlMnO", "gotify.example.com"},
		"googlechat": {"googlechat://chat.googleapis.com/v1/spaces/FOO/messages?key=b4rK3yOfOurs&token=b4zTokenOfOurs", "chat.googleapis.com"},
		"hangouts":   {"hangouts://chat.googleapis.com/v1/spaces/FOO/messages?key=b4rK3yOfOurs&token=b4zTokenOfOurs", "chat.googleapis.com"},
		"ifttt":      {"ifttt://webHookOfOurs0123/?events=pushed&titlevalue=1", "maker.ifttt.com"},
		"join":       {"join://shoutrrr:4p1keyOfOurs@join/?devices=d3viceOfOurs", "joinjoaomgcd.appspot.com"},
		"lark":       {"lark://open.larksuite.com/t0kenOfOurs?secret=s3cretOfOurs", "open.larksuite.com"},
		"matrix":     {"matrix://:t0kenOfOurs@matrix.example.com/?rooms=!abc:example.com", "matrix.example.com"},
		"mattermost": {"mattermost://bot@mattermost.example.com/t0kenOfOursOfTwentySix/alerts", "mattermost.example.com"},
		"notifiarr":  {"notifiarr://4p1keyOfOurs0123?channel=123456789", "notifiarr.com"},
		"ntfy":       {"ntfy://bell:p4sswordOfOurs@ntfy.example.com/t0picOfOurs", "ntfy.example.com"},
		"opsgenie":   {"opsgenie://api.opsgenie.com/4p1keyOfOurs0123", "api.opsgenie.com:443"},
		"pagerduty":  {"pagerduty://events.pagerduty.com:443/4b1de0f0a5c04fd0b0a50f5c0ffee012", "events.pagerduty.com:443"},
		"pushbullet": {"pushbullet://o.AbCdEfGhIjKlMnOpQrStUvWxYz012345/d3viceOfOurs", "api.pushbullet.com"},
		"pushover":   {"pushover://shoutrrr:t0kenOfOurs01@us3rKeyOfOurs", "api.pushover.net"},
		"rocketchat": {"rocketchat://bot@chat.example.com/t0kenAOfOurs/t0kenBOfOurs/@alice", "chat.example.com"},
		"signal":     {"signal://bell:p4sswordOfOurs@signal.example.com:8080/+15550001111/+15550002222", "signal.example.com:8080"},
		"slack":      {"slack://hook:T0AB12CD3-B0AB12CD3-abcdefghijklmnopqrstuvwx@webhook", "hooks.slack.com"},
		"teams":      {"teams://11111111-4444-4444-8444-cccccccccccc@22222222-4444-4444-8444-cccccccccccc/33333333012222222222333333333344/44444444-4444-4444-8444-cccccccccccc/V2ESyij_gAljSoUQHvZoZYzlpAoAXExyOl26dlf1xHEx05?host=test.webhook.office.com", "test.webhook.office.com"},
		"telegram":   {"telegram://110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0@telegram?chats=@registry", "api.telegram.org"},
		"wecom":      {"wecom://693a9b3c-7aoc-4bc4-97a0-0ec2sifa5aaa", "qyapi.weixin.qq.com"},
		"zulip":      {"zulip://bot%40zulip.example.com:k3yOfOursAtZulip@zulip.example.com?stream=registry&topic=pushes", "zulip.example.com"},
	}
}

// Every service of the library's is asked by the sender itself, and shows the title once
// and all of the text; none of its secrets is shown.
func TestEveryService(t *testing.T) {
	s := chattest.New(t, New)
	all := samples()
	known := library().ListServices()
	slices.Sort(known)
	want := slices.Sorted(maps.Keys(elsewhere()))
	want = append(want, slices.Collect(maps.Keys(all))...)
	slices.Sort(want)
	if !slices.Equal(known, want) {
		t.Errorf("the library has %v, known are %v", known, want)
	}
	secrets := []string{"OfOurs", "AbCdEfGh", "s3cretPath", "T0AB12CD3", "abcdefghijk", "V2ESyij", "AAHdqTcv", "110201543", "0ec2sifa5aaa", "4b1de0f0a5c", "33333333012222222222333333333344"}
	for name, sample := range all {
		d := chattest.Delivery(t, map[string]any{"url": sample[0]}, chattest.Told()[0])
		tgt, n, _, err := s.(*sender).read(t.Context(), d)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		first, _ := s.(*sender).relay.play(nil, func() error { return tgt.send(n) })
		if first == nil || first.URL.Host != sample[1] || first.URL.Scheme != "https" {
			t.Errorf("%s: asked %+v, want a request to %s", name, first, sample[1])
			continue
		}
		r, err := s.Render(t.Context(), d)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		said := r.Body + r.Headers["Title"]
		if strings.Contains(r.Headers["Content-Type"], "urlencoded") {
			said, _ = url.QueryUnescape(said)
		}
		if name == "join" { // it takes messages in the query
			said, _ = url.QueryUnescape(first.URL.RawQuery)
		}
		for _, text := range []string{"prod/api:v1.2.3 (and latest) pushed", "Tags: v1.2.3, latest", "By: alice"} {
			if n := strings.Count(said, text); n != 1 && !(name == "teams" && n == 2) { // which has a summary too
				t.Errorf("%s: %q is there %d times: %s", name, text, strings.Count(said, text), said)
			}
		}
		for _, secret := range secrets {
			if shown := r.URL + r.Body + strings.Join(slices.Collect(maps.Values(r.Headers)), " "); strings.Contains(shown, secret) {
				t.Errorf("%s shows %s: %s", name, secret, shown)
			}
		}
	}
}

// Nothing goes by the default transport once the sender is in use, but by the sender.
func TestNothingPastTheSender(t *testing.T) {
	s := chattest.New(t, New)
	if _, err := s.Render(t.Context(), chattest.Delivery(t, map[string]any{"url": samples()["ntfy"][0]}, chattest.Told()[0])); err != nil {
		t.Fatal(err)
	}
	response, err := http.Get("http://127.0.0.1:9/")
	if err == nil {
		_ = response.Body.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "package post") {
		t.Errorf("a request past the sender: %v", err)
	}
}

// What is wrong with a URL is said in words that hold nothing of it.
func TestURLs(t *testing.T) {
	s := chattest.New(t, New)
	const token = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"
	for _, c := range []struct {
		url, says string
		warning   bool
	}{
		{"", "is empty", false},
		{"ntfy.example.com/topic", "no URL of a service", false},
		{"://", "no URL of a service", false},
		{"nfty://ntfy.example.com/t", "one of bark, generic, ", false},
		{"discord://token@webhookid", "type: discord", false},
		{"smtp://u:p@mail.example.com/?from=a@example.com&to=b@example.com", "type: email", false},
		{"logger://", "sends nothing", false},
		{"slack://hook:T0AB12CD3-B0AB12CD3-abcdefghijklmnopqrstuvwx@webhook", "type: slack", true},
		{"ntfy://ntfy.example.com/", "topic is required", false},
		{"ntfy://ntfy.example.com/t?priority=s3cretValue", "service ntfy has it", false},
		{"ntfy://ntfy.example.com/t?colour=red", "service ntfy has it", false},
		{"ntfy://ntfy.example.com/t?disabletlsverification=yes", "always verified", false},
		{"gotify://gotify.example.com/AbCdEfGhIjKlMnO?insecureskipverify=yes", "always verified", false},
		{"ntfy+https://ntfy.example.com/t", "behind a +", false},
		{"telegram://nonsense-s3cret@telegram?chats=@registry", "invalid telegram token", false},
		{"telegram://" + token + "@telegram", "no channels", false},
		{"telegram://" + token + "@telegram?chats=@a,@b", "several chats", false},
		{"telegram://" + token + "@telegram?chats=@a&parseMode=HTML", "plain text", false},
		{"matrix://bell:s3cretWord@matrix.example.com/?rooms=!a:example.com", "access token", false},
		{"matrix://:s3cretWord@matrix.example.com", "no room", false},
		{"matrix://:s3cretWord@matrix.example.com/?rooms=#a:example.com", "%23", false},
		{"matrix://:s3cretWord@matrix.example.com/?rooms=!a:example.com,!b:example.com", "several rooms", false},
		{"pagerduty://events.pagerduty.com/4b1de0f0a5c04fd0b0a50f5c0ffee012", "names no port", false},
		{"ifttt://webHookOfOurs0123/?events=a,b", "several events", false},
		{"pushbullet://o.AbCdEfGhIjKlMnOpQrStUvWxYz012345/one/two", "several targets", false},
		{"generic://169.254.169.254/latest", "never a target", false},
		{"generic+http://[fd00:ec2::254]/latest", "never a target", false},
		{"signal://signal.example.com/+15550001111/+15550002222?host=169.254.169.254", "never a target", false},
	} {
		faults, err := s.Check(t.Context(), plugin.Check{Options: []byte(`{"url":` + quoted(c.url) + `}`)})
		if err != nil || len(faults) != 1 || faults[0].Path != "url" || !strings.Contains(faults[0].Message, c.says) || faults[0].Warning != c.warning {
			t.Errorf("%s: %+v, %v; want %q", c.url, faults, err, c.says)
		}
		for _, f := range faults {
			for _, secret := range []string{"s3cret", "AAHdqTcv", "AbCdEf", "abcdefghijk"} {
				if strings.Contains(f.Message, secret) {
					t.Errorf("%s: a fault shows it: %s", c.url, f.Message)
				}
			}
		}
	}
	restricted := plugin.Check{Options: []byte(`{"url":"gotify://127.0.0.1:8080/AbCdEfGhIjKlMnO?disabletls=yes"}`), Egress: plugin.Egress{Restricted: true}}
	if faults, err := s.Check(t.Context(), restricted); err != nil || len(faults) != 1 || !strings.Contains(faults[0].Message, "not public") {
		t.Errorf("a restricted target on loopback: %+v, %v", faults, err)
	}
	if http.DefaultTransport == http.RoundTripper(s.(*sender).relay) {
		t.Error("Check has changed the default transport, and it runs in the host's process")
	}
}

func quoted(s string) string { return `"` + s + `"` }
