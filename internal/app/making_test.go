package app

import (
	"testing"

	"github.com/bellbuoy/bellbuoy/config"
)

// Where the registry is to post: what the config says only where the registry can be
// there too.
func TestReachable(t *testing.T) {
	const far, near = "https://harbor.example.com", "http://localhost:8080"
	for _, tt := range []struct {
		typ, api, url, listen string
		remove                bool
		want, warning, fault  string
	}{
		{"harbor", near, "", "127.0.0.1:5080", false, "http://127.0.0.1:5080", "where Harbor's jobservice runs in a container, http://127.0.0.1:5080 is the container itself: name bellbuoy with --url", ""},
		{"harbor", far, "", "127.0.0.1:5080", false, "", "", "bellbuoy listens at http://127.0.0.1:5080, which the registry at https://harbor.example.com cannot reach: listen on another address, and name it with --url"},
		{"harbor", far, "", ":5080", false, "", "", "the config does not say by which name the registry reaches bellbuoy: name it with --url, such as http://bellbuoy.example.com:5080"},
		{"harbor", far, "", ":5080", true, "http://bellbuoy:5080", "", ""},
		{"harbor", far, "", "10.0.0.1:5080", false, "http://10.0.0.1:5080", "", ""},
		{"harbor", far, "http://[::1]:5080", ":5080", false, "http://[::1]:5080", "to the registry at https://harbor.example.com, http://[::1]:5080 is its own machine: name bellbuoy with --url as the registry reaches it", ""},
		{"quay", far, "http://bb:5080", "127.0.0.1:5080", false, "http://bb:5080", "", ""},
		{"quay", "http://quay.example.com", "http://bb:5080", ":1", false, "http://bb:5080", "http://quay.example.com is http: the password or token can be read on the way; use https", ""},
		{"distribution", "", "", "127.0.0.1:5080", false, "http://127.0.0.1:5080", "", ""},
		{"distribution", "", "", "0.0.0.0:5080", false, "", "", "the config does not say by which name the registry reaches bellbuoy: name it with --url, such as http://bellbuoy.example.com:5080"},
	} {
		warning := ""
		m := Making{Connection: Connection{Type: tt.typ, URL: tt.url}, API: tt.api, Remove: tt.remove, Warn: func(s string) { warning += s }}
		got, err := m.reachable(&config.Config{Listen: tt.listen})
		fault := ""
		if err != nil {
			fault = err.Error()
		}
		if got != tt.want || warning != tt.warning || fault != tt.fault {
			t.Errorf("%+v:\ngot %s, warning %q, fault %q", tt, got, warning, fault)
		}
	}
}
