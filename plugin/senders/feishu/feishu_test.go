package feishu

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

// The signature as another program makes it:
//
//	printf '' | openssl dgst -sha256 -mac HMAC -macopt hexkey:$(printf '1700000000\nabc' | xxd -p) -binary | base64
func TestSign(t *testing.T) {
	if got := sign("1700000000", "abc"); got != signed {
		t.Errorf("%s, want %s", got, signed)
	}
}

// Each attempt is signed anew, in the body, and shows neither token, secret nor signature,
// whatever is answered.
func TestRequest(t *testing.T) {
	v := chattest.NewVendor(t)
	v.Answer = chattest.Answer{Status: 200, Body: `{"code":0,"msg":"ok 0123456789abcdef fedcba9876543210"}`}
	s := chattest.New(t, New)
	d := chattest.Delivery(t, target(v.URL), event.Event{V: 1, Type: event.Test})
	receipt, err := s.Send(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	var e envelope
	if err := json.Unmarshal(v.Last.Body, &e); err != nil {
		t.Fatal(err)
	}
	at, err := strconv.ParseInt(e.Timestamp, 10, 64)
	if err != nil || time.Since(time.Unix(at, 0)).Abs() > time.Minute || e.Sign != sign(e.Timestamp, "fedcba9876543210") {
		t.Errorf("signed %q at %q: %v", e.Sign, e.Timestamp, err)
	}
	if got := v.Last.Header.Get("Content-Type"); v.Last.Path != "/open-apis/bot/v2/hook/0123456789abcdef" || got != "application/json; charset=utf-8" {
		t.Errorf("request to %s of %s", v.Last.Path, got)
	}
	if want := v.URL + "/open-apis/bot/v2/hook/***"; receipt.Request.URL != want || !strings.Contains(receipt.Request.Body, `"sign":"***"`) {
		t.Errorf("shown: %s %s", receipt.Request.URL, receipt.Request.Body)
	}
	dry, err := s.Render(t.Context(), d)
	if err != nil || !strings.Contains(dry.Body, `"sign":"***"`) {
		t.Errorf("dry run: %s, %v", dry.Body, err)
	}
	for _, secret := range []string{"0123456789abcdef", "fedcba9876543210", e.Sign} {
		if text := fmt.Sprintf("%+v %+v", receipt, dry); strings.Contains(text, secret) {
			t.Errorf("a secret is shown: %s", text)
		}
	}

	d = chattest.Delivery(t, map[string]any{"url": v.URL + "/open-apis/bot/v2/hook/0123456789abcdef"}, event.Event{V: 1, Type: event.Test})
	if _, err := s.Send(t.Context(), d); err != nil || strings.Contains(string(v.Last.Body), "sign") || strings.Contains(string(v.Last.Body), "timestamp") {
		t.Errorf("without a secret: %s, %v", v.Last.Body, err)
	}
}

func TestOptions(t *testing.T) {
	chattest.Options(t, New, map[string][]plugin.Fault{
		`{"url":"https://open.feishu.cn/open-apis/bot/v2/hook/x"}`:                   nil,
		`{"url":"https://open.larksuite.com/open-apis/bot/v2/hook/x/","secret":"y"}`: nil,
		`{"url":"http://gateway.example:8080/feishu/0123456789abcdef?to=ops"}`:       nil,
		`{}`: {{Path: "url", Message: "is missing; give the custom bot's webhook address, as https://open.feishu.cn/open-apis/bot/v2/hook/..."}},
		`{"url":"https://open.feishu.cn/open-apis/bot/v2/hook/"}`: {
			{Path: "url", Message: "has no token; copy the whole webhook address of the custom bot"}},
		`{"url":"https://open.feishu.cn"}`: {
			{Path: "url", Message: "has no token; copy the whole webhook address of the custom bot"}},
		`{"url":"https://open.feishu.cn/open-apis/bot/hook/x"}`: {
			{Path: "url", Message: "is that of a bot of the first version, which takes no cards; add a custom bot to the group, and copy its address, .../open-apis/bot/v2/hook/..."}},
		`{"url":"x","secret":" ","sign":1}`: {
			{Path: "sign", Message: `unknown option "sign"; there are url and secret`},
			{Path: "url", Message: "is neither http nor https; write it as https://host/path"},
			{Path: "secret", Message: "is empty; give it a value, or remove it"}},
	})
}

// The rate keeps to both of Feishu's: 5 in a second, 100 in a minute.
func TestDescription(t *testing.T) {
	chattest.Description(t, New, "feishu", plugin.Rate{Sends: 3, Per: 2 * time.Second}, "url", "secret")
}

const signed = "VIS10b0EBvzzSdFnuk4tznEmK5wHaruvf/WnViv2yR4="
