package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestBackup(t *testing.T) {
	w := newWorld(t)
	w.accept("{}", nil, pushed(1, "ci"))
	post := func(body, kind string) *httptest.ResponseRecorder {
		t.Helper()
		return ask(w, "POST", "/api/v1/backup", func(r *http.Request) {
			r.Header.Set("Content-Type", kind)
			r.Body = io.NopCloser(strings.NewReader(body))
		})
	}
	rec := post("{}", "application/json")
	if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != backupType || !strings.HasPrefix(rec.Body.String(), "SQLite format 3\x00") {
		t.Fatalf("%d %s, %d bytes", rec.Code, rec.Header(), rec.Body.Len())
	}
	if rec = post("a=b", "application/x-www-form-urlencoded"); rec.Code != http.StatusUnsupportedMediaType {
		t.Errorf("a form: %d %s", rec.Code, rec.Body)
	}
	if rec := ask(w, "GET", "/api/v1/backup", nil); rec.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d %s", rec.Code, rec.Body)
	}
}
