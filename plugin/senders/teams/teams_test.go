package teams

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

const (
	sig  = "Zm9vYmFy-0123456789_abcdefghijklmnopqrstuvw"
	path = "/powerautomate/automations/direct/workflows/0123456789abcdef/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=" + sig
)

func target(base string) map[string]any { return map[string]any{"url": base + path} }

func TestAnswers(t *testing.T) {
	const wrong = plugin.ScopeMisconfigured
	says := func(code string) string { return `{"error":{"code":"` + code + `","message":"words"}}` }
	chattest.Judge(t, New, target, append([]chattest.Answer{
		{Status: 202, Outcome: plugin.Delivered},
		{Status: 202, Body: "accepted", Cut: true, Outcome: plugin.Delivered},
		{Status: 200, Body: `{"messageId":"1"}`, Outcome: plugin.Delivered},
		{Status: 204, Outcome: plugin.Delivered},
		{Status: 200, Body: " <!DOCTYPE html><html>Please log in</html>", Outcome: plugin.Retry, Error: "with a page"},

		{Status: 400, Body: says("WorkflowTriggerIsNotEnabled"), Outcome: plugin.PermanentFail, Scope: wrong, Error: "switched off or deleted"},
		{Status: 400, Body: says("TriggerInputSchemaMismatch"), Outcome: plugin.PermanentFail, Scope: wrong, Error: "template for webhooks"},
		{Status: 400, Body: says("InvalidRequestContent"), Outcome: plugin.PermanentFail, Error: "400"},
		{Status: 400, Outcome: plugin.PermanentFail, Error: "400"},
		{Status: 401, Body: says("DirectApiAuthorizationRequired"), Outcome: plugin.PermanentFail, Scope: wrong, Error: "401 DirectApiAuthorizationRequired"},
		{Status: 401, Body: says("AuthorizationFailed"), Outcome: plugin.PermanentFail, Scope: wrong, Error: "copy the whole address"},
		{Status: 403, Body: "<html></html>", Outcome: plugin.PermanentFail, Scope: wrong, Error: "403 Forbidden"},
		{Status: 404, Body: says("WorkflowNotFound"), Outcome: plugin.PermanentFail, Scope: wrong, Error: "there is no such workflow"},
		{Status: 404, Outcome: plugin.PermanentFail, Scope: wrong, Error: "404 Not Found"},
		{Status: 410, Outcome: plugin.PermanentFail, Scope: plugin.ScopeTargetGone, Error: "410"},
		{Status: 500, Body: says("InternalServerError"), Outcome: plugin.Retry, Error: "500"},
	}, chattest.Byways()...))
}

// A card that was accepted may never be posted, and the receipt says so, whatever the answer
// says besides.
func TestAcceptedIsNotPosted(t *testing.T) {
	v, s := chattest.NewVendor(t), chattest.New(t, New)
	d := chattest.Delivery(t, target(v.URL), event.Event{V: 1, Type: event.Test})
	for body, want := range map[string]string{"": accepted, "run 1": accepted + " run 1"} {
		v.Answer = chattest.Answer{Status: 202, Body: body}
		if receipt, err := s.Send(t.Context(), d); err != nil || receipt.Status != 202 || receipt.Reply != want {
			t.Errorf("%d %q: %v", receipt.Status, receipt.Reply, err)
		}
	}
	v.Answer = chattest.Answer{Status: 202, Body: strings.Repeat("漢", 2000)}
	if receipt, err := s.Send(t.Context(), d); err != nil || len(receipt.Reply) > plugin.MaxReply || !strings.HasPrefix(receipt.Reply, accepted+" 漢") || !strings.HasSuffix(receipt.Reply, "漢…") {
		t.Errorf("%d bytes, %v: %s", len(receipt.Reply), err, receipt.Reply)
	}
	v.Answer = chattest.Answer{Status: 200, Body: "done"}
	if receipt, err := s.Send(t.Context(), d); err != nil || receipt.Reply != "done" {
		t.Errorf("%q: %v", receipt.Reply, err)
	}
}

// The signature is the secret; where there is none, all of the query may be.
func TestSecretsAreHidden(t *testing.T) {
	v, s := chattest.NewVendor(t), chattest.New(t, New)
	v.Answer = chattest.Answer{Status: 401, Body: "no " + sig + " for api-version 2016-06-01"}
	for url, reply := range map[string]string{
		v.URL + path: "no *** for api-version 2016-06-01",
		v.URL + "/x?api-version=2016-06-01&code=" + sig: "no *** for api-version ***",
	} {
		receipt, err := s.Send(t.Context(), chattest.Delivery(t, map[string]any{"url": url}, event.Event{V: 1, Type: event.Test}))
		if v.URL+v.Last.Path != url || receipt.Reply != reply {
			t.Errorf("sent to %s, reply %s", v.Last.Path, receipt.Reply)
		}
		if text := fmt.Sprintf("%+v %v", receipt, err); strings.Contains(text, sig) {
			t.Errorf("a secret is shown: %s", text)
		}
	}
}

func TestOptions(t *testing.T) {
	chattest.Options(t, New, map[string][]plugin.Fault{
		`{"url":"https://prod-1.westeurope.logic.azure.com:443/workflows/x?sig=y"}`: nil,
		`{}`: {{Path: "url", Message: "is missing; give the address of the workflow's trigger, as https://...environment.api.powerplatform.com/...&sig=..."}},
		`{"url":"https://prod-1.westeurope.logic.azure.com:443/workflows/x"}`: {
			{Warning: true, Path: "url", Message: "has no sig, without which a workflow starts for those who log in only; let anyone start it, and copy its whole address"}},
		`{"url":"https://Acme.webhook.office.com/webhookb2/x"}`: {
			{Warning: true, Path: "url", Message: "is that of an Office 365 connector, which Microsoft has retired; make a workflow for the channel, and give its address"}},
		`{"url":7,"channel":"#ops"}`: {
			{Path: "channel", Message: `unknown option "channel"; there are url`},
			{Path: "url", Message: "is not a text; give the address to send to, as https://host/path"}},
	})
}

func TestDescription(t *testing.T) {
	chattest.Description(t, New, "teams", plugin.Rate{Sends: 1, Per: time.Second}, "url")
}
