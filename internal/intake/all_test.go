package intake

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestAllCredentials(t *testing.T) {
	reg := Registry{Auth: []Credential{All(Header("X-Token", "head"), Bearer("s3cret"), PathSecret("path"))}}
	for _, tt := range []struct {
		bearer, token, path string
		want                bool
	}{
		{"Bearer s3cret", "head", "path", true},
		{"Bearer s3cret", "head", "", false},
		{"Bearer s3cret", "", "path", false},
		{"", "head", "path", false},
		{"Bearer other", "head", "path", false},
	} {
		r := httptest.NewRequest(http.MethodPost, "/in/hub", nil)
		r.Header.Set("Authorization", tt.bearer)
		r.Header.Set("X-Token", tt.token)
		if got := reg.admits(r, tt.path); got != tt.want {
			t.Errorf("%+v: admitted %t", tt, got)
		}
	}
	w := httptest.NewRecorder()
	reg.challenge(w)
	if got := w.Header()["Www-Authenticate"]; len(got) != 1 || got[0] != `Bearer realm="bellbuoy"` {
		t.Errorf("challenged with %q", got)
	}
	public := reg.publicHeaders(http.Header{"X-Token": {"head"}, "X-Url": {"/in/hub/-/path"}, "X-Else": {"shown"}})
	if len(public) != 1 || public["X-Else"] != "shown" {
		t.Errorf("shown are %v", public)
	}
}
