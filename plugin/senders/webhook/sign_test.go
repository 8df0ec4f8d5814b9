package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// A receiver that knows any of the secrets finds the signature good; GitHub's is made with
// the first.
func TestSignatures(t *testing.T) {
	type request struct {
		header http.Header
		body   []byte
	}
	got := make(chan request, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- request{r.Header, body}
		_, _ = io.WriteString(w, r.Header.Get("X-Hub-Signature-256")+r.Header.Get("webhook-signature"))
	}))
	defer server.Close()
	s := newSender(t)
	key := []byte("0123456789abcdef01234567")
	whsec := "whsec_" + base64.StdEncoding.EncodeToString(key)
	verify := func(secret string, r request) error {
		w, err := standardwebhooks.NewWebhookRaw([]byte(secret))
		if strings.HasPrefix(secret, "whsec_") {
			w, err = standardwebhooks.NewWebhook(secret)
		}
		if err != nil {
			t.Fatal(err)
		}
		return w.Verify(r.body, r.header)
	}
	for _, c := range []struct {
		secrets []string
		hubKey  []byte
	}{
		{[]string{whsec}, key},
		{[]string{"It's a text, ünd nöt base64"}, []byte("It's a text, ünd nöt base64")},
		{[]string{"old secret of text", whsec}, []byte("old secret of text")},
		{[]string{whsec, "new secret of text", "another one"}, key},
	} {
		secrets, _ := json.Marshal(c.secrets)
		d := with(server.URL, `"secrets":`+string(secrets))
		d.Body, d.ContentType = []byte("{\"größe\": 1}\n"), "application/json"
		receipt, err := s.Send(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		r := <-got
		for _, secret := range c.secrets {
			if err := verify(secret, r); err != nil {
				t.Errorf("%d secrets: %v", len(c.secrets), err)
			}
			tampered := r
			tampered.body = []byte("{\"größe\": 2}\n")
			if verify(secret, tampered) == nil {
				t.Error("another body passes")
			}
			tampered = request{r.header.Clone(), r.body}
			tampered.header.Set("webhook-id", "0192-d2")
			if verify(secret, tampered) == nil {
				t.Error("another id passes")
			}
		}
		if verify("a secret of somebody else", r) == nil {
			t.Error("another secret passes")
		}
		mac := hmac.New(sha256.New, c.hubKey)
		_, _ = mac.Write(d.Body)
		if want := "sha256=" + hex.EncodeToString(mac.Sum(nil)); r.header.Get("X-Hub-Signature-256") != want {
			t.Errorf("X-Hub-Signature-256 is %s, want %s", r.header.Get("X-Hub-Signature-256"), want)
		}
		if receipt.Request.Headers["webhook-signature"] != "***" || receipt.Request.Headers["X-Hub-Signature-256"] != "***" || receipt.Request.Headers["webhook-id"] != "0192-d1" {
			t.Errorf("receipt: %+v", receipt)
		}
		shows(t, receipt, err, append(c.secrets, string(key))...)
	}
	if _, err := s.Send(t.Context(), with(server.URL, `"secrets":[]`)); err != nil {
		t.Fatal(err)
	}
	if r := <-got; r.header["Webhook-Signature"] != nil || r.header["X-Hub-Signature-256"] != nil {
		t.Errorf("signed without a secret: %v", r.header)
	}
}

// What another request left in the headers does not end up in this one.
func TestSignaturesDoNotMix(t *testing.T) {
	server, last := echo(t, 200)
	s := newSender(t)
	seen := map[string]bool{}
	for _, id := range []string{"1", "2", "3"} {
		d := with(server.URL, `"secrets":["a secret of mine"]`)
		d.ID = id
		receipt, err := s.Send(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		signature := last().Get("webhook-signature")
		shows(t, receipt, err, "a secret of mine")
		seen[signature] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d signatures of 3 messages", len(seen))
	}
	r, err := s.Render(t.Context(), with(server.URL, `"secrets":["a secret of mine"]`))
	shows(t, plugin.Receipt{Request: r}, err, "a secret of mine", "v1,")
}
