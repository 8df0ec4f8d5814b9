package dingtalk

import (
	"fmt"
	"net/url"
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
//	printf '1700000000000\nSECabc' | openssl dgst -sha256 -hmac SECabc -binary | base64
func TestSign(t *testing.T) {
	if got := sign("1700000000000", "SECabc"); got != signed {
		t.Errorf("%s, want %s", got, signed)
	}
}

// Each attempt is signed anew, and shows neither token nor secret, whatever is answered.
func TestRequest(t *testing.T) {
	v := chattest.NewVendor(t)
	v.Answer = chattest.Answer{Status: 200, Body: `{"errcode":0,"errmsg":"ok 0123456789abcdef SEC0123456789abcdef"}`}
	s := chattest.New(t, New)
	d := chattest.Delivery(t, target(v.URL), event.Event{V: 1, Type: event.Test})
	last := int64(0)
	for range 2 {
		receipt, err := s.Send(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(v.Last.Path)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		stamp, err := strconv.ParseInt(q.Get("timestamp"), 10, 64)
		if err != nil || stamp <= last || time.Since(time.UnixMilli(stamp)).Abs() > time.Minute {
			t.Errorf("timestamp %s after %d: %v", q.Get("timestamp"), last, err)
		}
		last = stamp
		if u.Path != "/robot/send" || q.Get("access_token") != "0123456789abcdef" || q.Get("sign") != sign(q.Get("timestamp"), "SEC0123456789abcdef") {
			t.Errorf("request to %s", u)
		}
		if got := v.Last.Header.Get("Content-Type"); got != "application/json; charset=utf-8" {
			t.Errorf("Content-Type: %s", got)
		}
		if want := v.URL + "/robot/send?access_token=***&timestamp=***&sign=***"; receipt.Request.URL != want {
			t.Errorf("shown: %s", receipt.Request.URL)
		}
		if text := fmt.Sprintf("%+v", receipt); strings.Contains(text, "0123456789abcdef") || strings.Contains(text, url.QueryEscape(q.Get("sign"))) {
			t.Errorf("a secret is shown: %s", text)
		}
		time.Sleep(2 * time.Millisecond) // the timestamp counts them
	}
	d = chattest.Delivery(t, map[string]any{"url": v.URL + "/robot/send?access_token=0123456789abcdef"}, event.Event{V: 1, Type: event.Test})
	if _, err := s.Send(t.Context(), d); err != nil || v.Last.Path != "/robot/send?access_token=0123456789abcdef" {
		t.Errorf("without a secret: %s, %v", v.Last.Path, err)
	}
}

func TestOptions(t *testing.T) {
	chattest.Options(t, New, map[string][]plugin.Fault{
		`{"url":"https://oapi.dingtalk.com/robot/send?access_token=x"}`:                 nil,
		`{"url":"https://oapi.dingtalk.com/robot/send?access_token=x","secret":"SECx"}`: nil,
		`{}`: {{Path: "url", Message: "is missing; give the robot's webhook address, as https://oapi.dingtalk.com/robot/send?access_token=..."}},
		`{"url":"https://oapi.dingtalk.com/robot/send","secret":"SECx"}`: {
			{Path: "url", Message: "has no access_token; copy the whole webhook address of the robot"}},
		`{"url":"https://oapi.dingtalk.com/robot/send?access_token=x&sign=y"}`: {
			{Path: "url", Message: "has a timestamp or a sign, which hold for an hour only; remove them, and give the robot's secret"}},
		`{"url":"x","secret":"","scret":1}`: {
			{Path: "scret", Message: `unknown option "scret"; did you mean "secret"?`},
			{Path: "url", Message: "is neither http nor https; write it as https://host/path"},
			{Path: "secret", Message: "is empty; give it a value, or remove it"}},
	})
}

func TestDescription(t *testing.T) {
	chattest.Description(t, New, "dingtalk", plugin.Rate{Sends: 18, Per: time.Minute}, "url", "secret")
}

const signed = "jcUpW0QmtKduN03n4JqQ0PBosVjqnM8gU7fIIvsDmCM="
