package connect

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// fakeHarbor answers as Harbor's API does, to what is asked here of it.
type fakeHarbor struct {
	*httptest.Server
	user, password string

	mu       sync.Mutex
	projects []string // the first is public
	policies map[string][]map[string]any
	last     int64
	events   []string
	formats  any
	asked    []string // method and path, but for reading
	refuse   func(w http.ResponseWriter, r *http.Request) bool
}

// formatsOf are the formats of Harbor from 2.8 on.
var formatsOf = []any{
	map[string]any{"notify_type": "http", "formats": []string{"CloudEvents", "Default"}},
	map[string]any{"notify_type": "slack", "formats": []string{"Default"}},
}

func newHarbor(t *testing.T, projects ...string) *fakeHarbor {
	t.Helper()
	h := &fakeHarbor{user: "robot$bb", password: "pa55word", projects: projects, policies: map[string][]map[string]any{}, events: slices.Clone(harborEvents), formats: formatsOf}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func harborError(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]string{"code": code, "message": message}}})
}

func sendJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (h *fakeHarbor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.Method != http.MethodGet {
		h.asked = append(h.asked, r.Method+" "+r.URL.Path)
	}
	if h.refuse != nil && h.refuse(w, r) {
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/api/v2.0")
	if !ok {
		http.NotFound(w, r)
		return
	}
	user, password, _ := r.BasicAuth()
	known := user == h.user && password == h.password
	if path == "/projects" {
		list := h.projects
		if !known {
			list = list[:min(1, len(list))]
		}
		var all []any
		for i, p := range list {
			all = append(all, map[string]any{"name": p, "project_id": i + 1})
		}
		page(w, r, all)
		return
	}
	parts := strings.Split(strings.Trim(path, "/"), "/") // projects/P/webhook/policies/ID
	if len(parts) < 4 || parts[0] != "projects" || parts[2] != "webhook" {
		harborError(w, 404, "NOT_FOUND", "path "+path+" was not found")
		return
	}
	if !known {
		harborError(w, 401, "UNAUTHORIZED", "unauthorized")
		return
	}
	project := parts[1]
	if _, err := strconv.Atoi(project); err == nil && r.Header.Get("X-Is-Resource-Name") != "true" || !slices.Contains(h.projects, project) {
		harborError(w, 404, "NOT_FOUND", "project "+project+" not found")
		return
	}
	if parts[3] == "events" {
		offer := map[string]any{"event_type": h.events, "notify_type": []string{"http", "slack"}}
		if h.formats != nil {
			offer["payload_formats"] = h.formats
		}
		sendJSON(w, 200, offer)
		return
	}
	h.policy(w, r, project, parts[4:])
}

// page sends a part of a list.
func page(w http.ResponseWriter, r *http.Request, all []any) {
	number, _ := strconv.Atoi(r.URL.Query().Get("page"))
	size, _ := strconv.Atoi(r.URL.Query().Get("page_size"))
	size = min(size, 3) // a page is as large as it pleases
	from := min(len(all), (number-1)*size)
	w.Header().Set("X-Total-Count", strconv.Itoa(len(all)))
	sendJSON(w, 200, append([]any{}, all[from:min(len(all), from+size)]...))
}

func (h *fakeHarbor) policy(w http.ResponseWriter, r *http.Request, project string, id []string) {
	list := h.policies[project]
	at := -1
	if len(id) > 0 {
		at = slices.IndexFunc(list, func(p map[string]any) bool { return fmt.Sprint(p["id"]) == id[0] })
		if at < 0 {
			harborError(w, 404, "NOT_FOUND", "webhook policy "+id[0]+" not found")
			return
		}
	}
	if r.Method == http.MethodGet {
		var all []any
		for _, p := range list {
			all = append(all, p)
		}
		page(w, r, all)
		return
	}
	if r.Method == http.MethodDelete {
		h.policies[project] = slices.Delete(list, at, at+1)
		return
	}
	var p map[string]any
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
		harborError(w, 400, "BAD_REQUEST", err.Error())
		return
	}
	events, _ := p["event_types"].([]any)
	targets, _ := p["targets"].([]any)
	if len(events) == 0 || len(targets) == 0 {
		harborError(w, 400, "BAD_REQUEST", "empty event_types or targets")
		return
	}
	for _, e := range events {
		if !slices.Contains(h.events, e.(string)) {
			harborError(w, 400, "BAD_REQUEST", fmt.Sprintf("unsupported event type %s", e))
			return
		}
	}
	if p["enabled"] == nil {
		p["enabled"] = false // and so it is dead
	}
	if r.Method == http.MethodPost {
		if slices.ContainsFunc(list, func(q map[string]any) bool { return q["name"] == p["name"] }) {
			harborError(w, 409, "CONFLICT", fmt.Sprintf("notification policy named %s already exists", p["name"]))
			return
		}
		h.last++
		p["id"], p["project_id"], p["creation_time"], p["creator"] = h.last, 1, "2026-01-01T00:00:00.000Z", ""
		h.policies[project] = append(list, p)
		w.Header().Set("Location", fmt.Sprintf("%s/%d", r.URL.Path, h.last))
		w.WriteHeader(201)
		return
	}
	p["id"] = list[at]["id"] // and nothing else of what there was
	list[at] = p
}

// have puts a policy there.
func (h *fakeHarbor) have(t *testing.T, project, policy string) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	var p map[string]any
	if err := json.Unmarshal([]byte(policy), &p); err != nil {
		t.Fatal(err)
	}
	h.last++
	p["id"] = h.last
	h.policies[project] = append(h.policies[project], p)
}

// of returns the policies of a project, without what Harbor adds.
func (h *fakeHarbor) of(project string) []map[string]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.policies[project])
}

func (h *fakeHarbor) changes() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.asked)
}

func (h *fakeHarbor) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}
