package connect

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// fakeQuay answers as Quay's API does, to what is asked here of it.
type fakeQuay struct {
	*httptest.Server
	t     *testing.T
	token string

	mu           sync.Mutex
	repositories []string
	quotas       bool // it has notifications of quotas
	lists        map[string][]map[string]any
	unknown      string // an event that it does not have
	last         int
	asked        []string // method and path, but for reading
	refuse       func(w http.ResponseWriter, r *http.Request) bool
}

func newQuay(t *testing.T, repositories ...string) *fakeQuay {
	t.Helper()
	q := &fakeQuay{t: t, token: "t0ken-of-quay", repositories: repositories, lists: map[string][]map[string]any{}}
	q.Server = httptest.NewServer(q)
	t.Cleanup(q.Close)
	return q
}

// refusal sends an error as Quay does.
func (q *fakeQuay) refusal(w http.ResponseWriter, which string) {
	b, err := os.ReadFile("testdata/quay-api-responses.json")
	if err != nil {
		q.t.Error(err)
	}
	var all map[string]struct {
		Status int `json:"status"`
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		q.t.Error(err)
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		q.t.Error(err)
	}
	if all[which].Status == 0 {
		q.t.Errorf("no such answer: %s", which)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(all[which].Status)
	_, _ = w.Write(raw[which])
}

func (q *fakeQuay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if r.Method != http.MethodGet {
		q.asked = append(q.asked, r.Method+" "+r.URL.Path)
	}
	if q.refuse != nil && q.refuse(w, r) {
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/api/v1/")
	switch {
	case !ok:
		http.NotFound(w, r)
	case r.Header.Get("Authorization") != "Bearer "+q.token:
		q.refusal(w, "401 anonymous")
	case path == "repository":
		q.list(w, r)
	case strings.HasPrefix(path, "organization/"):
		organization, id, _ := strings.Cut(strings.TrimPrefix(path, "organization/"), "/notifications")
		if !q.quotas || strings.HasSuffix(path, "/") {
			http.NotFound(w, r) // as of any path that it does not have
			return
		}
		q.notifications(w, r, "organization "+organization, strings.TrimPrefix(id, "/"))
	default:
		repository, id, ok := strings.Cut(strings.TrimPrefix(path, "repository/"), "/notification/")
		if !ok { // the slash at the end is Quay's
			http.NotFound(w, r)
			return
		}
		if !slices.Contains(q.repositories, repository) {
			q.refusal(w, "404 unknown uuid on GET")
			return
		}
		q.notifications(w, r, repository, id)
	}
}

// list sends the repositories of a namespace, two at a time.
func (q *fakeQuay) list(w http.ResponseWriter, r *http.Request) {
	var all []any
	for _, name := range q.repositories {
		namespace, name, _ := strings.Cut(name, "/")
		if namespace == r.URL.Query().Get("namespace") {
			all = append(all, map[string]any{"namespace": namespace, "name": name, "state": "NORMAL", "is_public": false})
		}
	}
	from := 0
	_, _ = fmt.Sscanf(r.URL.Query().Get("next_page"), "from-%d", &from)
	to := min(len(all), from+2)
	answer := map[string]any{"repositories": append([]any{}, all[from:to]...)}
	if to < len(all) {
		answer["next_page"] = fmt.Sprintf("from-%d", to)
	}
	sendJSON(w, 200, answer)
}

func (q *fakeQuay) notifications(w http.ResponseWriter, r *http.Request, place, id string) {
	list := q.lists[place]
	at := slices.IndexFunc(list, func(n map[string]any) bool { return n["uuid"] == id })
	switch {
	case r.Method == http.MethodGet:
		sendJSON(w, 200, map[string]any{"notifications": append([]map[string]any{}, list...)})
	case id != "" && at < 0:
		q.refusal(w, "400 unknown uuid on delete/reset/test")
	case r.Method == http.MethodDelete:
		q.lists[place] = slices.Delete(list, at, at+1)
		w.WriteHeader(204)
	case id != "":
		list[at]["number_of_failures"] = 0
		w.WriteHeader(204)
	default:
		var n struct {
			Event, Method, Title string
			Config               map[string]any
			EventConfig          map[string]any
		}
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil || n.EventConfig == nil {
			q.refusal(w, "400 missing body")
			return
		}
		if n.Event == q.unknown {
			sendJSON(w, 400, map[string]any{"detail": "Unable to find event: " + n.Event, "error_type": "invalid_request", "status": 400})
			return
		}
		if u, _ := n.Config["url"].(string); u == "" {
			q.refusal(w, "400 webhook without url")
			return
		}
		sendJSON(w, 201, q.add(place, n.Title, n.Event, n.Method, n.Config, n.EventConfig))
	}
}

func (q *fakeQuay) add(place, title, event, method string, config, filter map[string]any) map[string]any {
	q.last++
	n := map[string]any{"uuid": fmt.Sprintf("uuid-%d", q.last), "title": title, "event": event, "method": method, "config": config, "event_config": filter, "number_of_failures": 0}
	q.lists[place] = append(q.lists[place], n)
	return n
}

func (q *fakeQuay) changes() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.asked)
}

// of is what a place has, in a few words.
func (q *fakeQuay) of(place string) (words []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, n := range q.lists[place] {
		filter, err := json.Marshal(n["event_config"])
		if err != nil {
			q.t.Error(err)
		}
		c := n["config"].(map[string]any)
		w := fmt.Sprintf("%s %s %s %s", n["title"], n["event"], c["url"], filter)
		if t, ok := c["template"].(string); ok {
			w += " " + t
		}
		if n["number_of_failures"] != 0 {
			w += fmt.Sprintf(" failures %v", n["number_of_failures"])
		}
		words = append(words, w)
	}
	return words
}
