package shoutrrr

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

func TestAnswers(t *testing.T) {
	const wrong = plugin.ScopeMisconfigured
	options := func(base string) map[string]any {
		return map[string]any{"url": "gotify://" + strings.TrimPrefix(base, "http://") + "/AbCdEfGhIjKlMnO?disabletls=yes"}
	}
	chattest.Judge(t, New, options, append([]chattest.Answer{
		{Status: 200, Body: `{"id":1}`, Outcome: plugin.Delivered},
		{Status: 200, Body: `{"id":1}`, Cut: true, Outcome: plugin.Delivered},
		{Status: 200, Body: `{"id":`, Outcome: plugin.Retry, Error: "no success"},
		{Status: 200, Body: "<html>Please log in</html>", Outcome: plugin.Retry, Error: "no success"},
		{Status: 200, Body: "", Outcome: plugin.Retry, Error: "no success"},
		{Status: 204, Outcome: plugin.Retry, Error: "no success"},

		{Status: 400, Body: `{"error":"Bad Request","errorCode":400}`, Outcome: plugin.PermanentFail, Error: "400"},
		{Status: 401, Body: `{"error":"Unauthorized"}`, Outcome: plugin.PermanentFail, Scope: wrong, Error: "token"},
		{Status: 403, Outcome: plugin.PermanentFail, Scope: wrong, Error: "token"},
		{Status: 404, Outcome: plugin.PermanentFail, Scope: wrong, Error: "token"},
		{Status: 410, Outcome: plugin.PermanentFail, Scope: plugin.ScopeTargetGone, Error: "410"},
		{Status: 422, Outcome: plugin.PermanentFail, Error: "422"},
		{Status: 301, Header: map[string]string{"Location": "/elsewhere"}, Outcome: plugin.PermanentFail, Error: "redirects are not followed"},
		{Status: 429, Body: `{"ok":false,"error_code":429,"parameters":{"retry_after":35}}`, Outcome: plugin.ThrottledTarget, After: 35 * time.Second, Error: "429"},
		{Status: 429, Body: `{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":125000}`, Outcome: plugin.ThrottledTarget, After: 125 * time.Second, Error: "429"},
		{Status: 429, Body: `{"retry_after_ms":125000}`, Header: map[string]string{"Retry-After": "300"}, Outcome: plugin.ThrottledTarget, After: 300 * time.Second, Error: "429"},
		{Status: 429, Body: `{"retry_after_ms":-1}`, Outcome: plugin.ThrottledTarget, Error: "429"},
		{Status: 429, Body: `{"retry_after_ms":1e300}`, Outcome: plugin.ThrottledTarget, After: 24 * time.Hour, Error: "429"},
	}, chattest.Byways()...))
}

// What the services whose host is fixed say with a status of 200 is their library's to read.
func TestAnswersOfTheLibrarys(t *testing.T) {
	for _, c := range []struct {
		service, body string
		outcome       plugin.Outcome
		says          string
	}{
		{"telegram", `{"ok":true,"result":{}}`, plugin.Delivered, ""},
		{"telegram", `{"ok":false,"description":"chat not found"}`, plugin.Retry, "ok"},
		{"telegram", `<html>Please log in</html>`, plugin.Retry, "ok"},
		{"telegram", ``, plugin.Retry, "ok"},
		{"slack", `ok`, plugin.Delivered, ""},
		{"slack", `invalid_token`, plugin.Retry, "invalid_token"},
		{"wecom", `{"errcode":0,"errmsg":"ok"}`, plugin.Delivered, ""},
		{"wecom", `{"errcode":93000,"errmsg":"invalid webhook url"}`, plugin.Retry, "93000"},
		{"lark", `{"code":0}`, plugin.Delivered, ""},
		{"lark", `{"code":19001,"msg":"token t0kenOfOurs is invalid"}`, plugin.Retry, "token *** is invalid"},
		{"bark", `{"code":200}`, plugin.Delivered, ""},
		{"bark", `{"code":400,"message":"failed to get device token"}`, plugin.Retry, "server response"},
		{"pushover", `{"status":1}`, plugin.Delivered, ""},
		{"zulip", `{"result":"success"}`, plugin.Delivered, ""},
	} {
		sample := samples()[c.service]
		host(t, sample[1], func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(c.body)) })
		s := chattest.New(t, New)
		receipt, err := s.Send(t.Context(), chattest.Delivery(t, map[string]any{"url": sample[0]}, event.Event{V: 1, Type: event.Test}))
		if v := plugin.ReadVerdict(err); v.Outcome != c.outcome || receipt.Status != 200 || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s that says %s: %s, %v, %+v", c.service, c.body, v.Outcome, err, receipt)
		}
	}
}

// Two services at a time wait for their own servers only, and until their own ends.
func TestSlowServices(t *testing.T) {
	released := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-released:
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	fast, _ := taking(t, "None", map[string]string{"POST /message?token=AbCdEfGhIjKlMnO": `{"id":1}`})
	s := chattest.New(t, New)
	at := func(base string) plugin.Delivery {
		return chattest.Delivery(t, map[string]any{"url": "gotify://" + base + "/AbCdEfGhIjKlMnO?disabletls=yes"}, chattest.Told()[0])
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := s.Send(ctx, at(strings.TrimPrefix(slow.URL, "http://")))
		ended <- err
	}()
	if _, err := s.Send(t.Context(), at(fast)); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ended; !errors.Is(ctx.Err(), context.Canceled) || plugin.ReadVerdict(err).Outcome != plugin.Retry {
		t.Errorf("a send whose context ended: %v", err)
	}
	close(released)
}
