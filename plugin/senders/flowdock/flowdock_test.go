package flowdock

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

func target(base string) map[string]any {
	return map[string]any{"flow_api_token": "t0ken/t0kent0ken", "base_url": base}
}

func TestAnswers(t *testing.T) {
	const wrong = plugin.ScopeMisconfigured
	chattest.Judge(t, New, target, append([]chattest.Answer{
		{Status: 200, Body: "{}", Outcome: plugin.Delivered},
		{Status: 201, Outcome: plugin.Delivered},
		{Status: 202, Outcome: plugin.Delivered},
		{Status: 400, Body: `{"message":"Validation error","errors":{"content":["can't be blank"]}}`, Outcome: plugin.PermanentFail, Error: "400"},
		{Status: 401, Body: `{"message":"Unauthorized"}`, Outcome: plugin.PermanentFail, Scope: wrong, Error: "401"},
		{Status: 403, Outcome: plugin.PermanentFail, Scope: wrong, Error: "403"},
		{Status: 404, Outcome: plugin.PermanentFail, Scope: wrong, Error: "404"},
		{Status: 410, Outcome: plugin.PermanentFail, Scope: plugin.ScopeTargetGone, Error: "410"},
	}, chattest.Byways()...))
}

func TestUnknownHostIsMisconfigured(t *testing.T) {
	receipt, err := chattest.New(t, New).Send(t.Context(), chattest.Delivery(t, target("https://no..such..host"), event.Event{V: 1, Type: event.Test}))
	if plugin.ReadVerdict(err).Outcome != plugin.Retry || receipt.Scope != plugin.ScopeMisconfigured {
		t.Errorf("scope %q, %v", receipt.Scope, err)
	}
}

func TestRequest(t *testing.T) {
	v := chattest.NewVendor(t)
	v.Answer = chattest.Answer{Status: 404, Body: "no flow t0ken/t0kent0ken, t0ken%2Ft0kent0ken"}
	s := chattest.New(t, New)
	receipt, err := s.Send(t.Context(), chattest.Delivery(t, target(v.URL), event.Event{
		V: 1, Type: event.ArtifactPushed, Registry: event.Registry{Name: "hub"},
		Repository: &event.Repository{FullName: "prod/api-v2", URL: "https://registry.example.com/prod/api-v2"}, Artifact: &event.Artifact{Tags: []string{"v1"}},
	}))
	if v.Last.Path != "/v1/messages/team_inbox/t0ken%2Ft0kent0ken" {
		t.Errorf("sent to %s", v.Last.Path)
	}
	var got mail
	if err := json.Unmarshal(v.Last.Body, &got); err != nil {
		t.Fatal(err)
	}
	want := mail{
		Source: "bellbuoy", FromAddress: "bellbuoy@bellbuoy.invalid", FromName: "bellbuoy", Format: "html",
		Subject: "prod/api-v2:v1 pushed", Content: `Registry: hub<br><a href="https://registry.example.com/prod/api-v2">Open</a>`,
		Project: "prod api v2", Tags: []string{"#artifact_pushed", "#info"}, Link: "https://registry.example.com/prod/api-v2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if text := fmt.Sprintf("%+v %v", receipt, err); strings.Contains(text, "t0kent0ken") || receipt.Request.URL != v.URL+"/v1/messages/team_inbox/***" {
		t.Errorf("a secret is shown: %s", text)
	}
}

var named = regexp.MustCompile(`^[A-Za-z0-9_ ]*$`)

func TestHostileNames(t *testing.T) {
	const template = "<b>{{.actor.name}}</b> <a href=\"https://own.example/\">x</a>\n{{.repository.full_name}}\n{{join `, ` .artifact.tags}} {{.build.error}}"
	chattest.Hostile(t, New, target("https://chat.example.com"), template, func(m chattest.Made) error {
		dec := json.NewDecoder(bytes.NewReader(m.Body))
		dec.DisallowUnknownFields()
		var got mail
		if err := dec.Decode(&got); err != nil {
			return err
		}
		if got.Subject == "" || got.Content == "" || strings.Contains(got.Subject, "\n") || len(m.Body) > 64<<10 {
			return errors.New("has no subject or content")
		}
		if !named.MatchString(got.Project) {
			return fmt.Errorf("is of the project %q", got.Project)
		}
		for _, tag := range got.Tags {
			if !strings.HasPrefix(tag, "#") || !named.MatchString(tag[1:]) || strings.Contains(tag, " ") {
				return fmt.Errorf("has the tag %q", tag)
			}
		}
		if got.Link != "" && !m.Leads(got.Link) {
			return fmt.Errorf("leads to %s", got.Link)
		}
		return m.HTML(got.Content)
	})
}

func TestOptions(t *testing.T) {
	chattest.Options(t, New, map[string][]plugin.Fault{
		`{"flow_api_token":"x"}`: {{Path: "base_url", Warning: true,
			Message: "is missing, and Flowdock's own service is gone: give the address of the server that has taken its place, or the token goes to whoever has the name now"}},
		`{"flow_api_token":"x","from_address":"bells@example.com","base_url":"http://flow:8080/api"}`: nil,
		`{"token":"x","from_address":"bells","base_url":"x"}`: {
			{Path: "token", Message: `unknown option "token"; there are flow_api_token, from_address and base_url`},
			{Path: "flow_api_token", Message: "is missing; give the flow's API token"},
			{Path: "from_address", Message: "is not a mail address; write it as name@host"},
			{Path: "base_url", Message: "is neither http nor https; write it as https://host/path"}},
	})
	r, err := New("1").Render(t.Context(), chattest.Delivery(t, map[string]any{"flow_api_token": "t0ken"}, event.Event{V: 1, Type: event.Test}))
	if err != nil || r.URL != "https://api.flowdock.com/v1/messages/team_inbox/***" {
		t.Errorf("where no base is given: %s, %v", r.URL, err)
	}
}

func TestDescription(t *testing.T) {
	chattest.Description(t, New, "flowdock", plugin.Rate{Sends: 30, Per: time.Minute}, "flow_api_token")
}
