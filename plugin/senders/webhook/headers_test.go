package webhook

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// The headers of a message are sent and shown; one that the target sets itself goes
// before.
func TestHeadersOfTheMessage(t *testing.T) {
	got := make(chan http.Header, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header }))
	defer server.Close()
	d := to(t, server.URL, map[string]string{"ce-source": "/mine"})
	d.Headers = map[string]string{"Ce-Id": "1", "Ce-Source": "/registries/hub"}
	receipt, err := newSender(t).Send(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if h := <-got; h.Get("Ce-Id") != "1" || h.Get("Ce-Source") != "/mine" || len(h["Ce-Source"]) != 1 {
		t.Errorf("sent: %v", h)
	}
	if h := receipt.Request.Headers; h["Ce-Id"] != "1" || h["Ce-Source"] != "***" {
		t.Errorf("shown: %v", h)
	}
}
