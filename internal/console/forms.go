package console

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/client"
)

// maxForm is how large a form may be.
const maxForm = 256 << 10

// submitFunc does what a form asks for. It returns the address of the page to show then, or,
// where that is "", a page.
type submitFunc func(r *http.Request) (p page, to string, err error)

// submit serves what f does.
func (s *console) submit(f submitFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		var p page
		var to string
		err := r.ParseForm()
		if err != nil {
			err = &client.Problem{Status: http.StatusBadRequest, Detail: "The form cannot be read: " + err.Error()}
		} else {
			p, to, err = f(r)
		}
		switch {
		case err != nil:
			s.show(w, r, s.failed(r, err))
		case to != "":
			http.Redirect(w, r, to, http.StatusSeeOther)
		default:
			s.show(w, r, p)
		}
	})
}

// act does what a form asks for that leads to another page.
func act(f func(r *http.Request) (to string, err error)) submitFunc {
	return func(r *http.Request) (page, string, error) {
		to, err := f(r)
		return page{}, to, err
	}
}

// shows answers with a page made of what a form has.
func shows(f pageFunc) submitFunc {
	return func(r *http.Request) (page, string, error) {
		p, err := f(r)
		return p, "", err
	}
}

// by is who is told to want something, where the guard does not know who asks.
func by(r *http.Request) string {
	if name := access.From(r.Context()).Name; name != "" {
		return name
	}
	return "the console"
}

// tryFor is how long a test is tried.
const tryFor = 30 * time.Second

func (s *console) testTarget(r *http.Request) (string, error) {
	event, _, err := s.api.TestTarget(r.Context(), r.PathValue("name"), tryFor, by(r))
	return "/events/" + event, err
}

// decide carries out what somebody decides of a target.
func (s *console) decide(d client.Decision, word string) func(*http.Request) (string, error) {
	return func(r *http.Request) (string, error) {
		name := r.PathValue("name")
		_, _, err := s.api.Decide(r.Context(), d, name, by(r))
		return "/targets/" + url.PathEscape(name) + "?done=" + word, err
	}
}

// redeliverOne has one delivery made again.
func (s *console) redeliverOne(r *http.Request) (string, error) {
	_, err := s.api.Redeliver(r.Context(), client.Again{ID: r.PostFormValue("delivery"), State: r.PostFormValue("state"), By: by(r)}, func(client.Run) {})
	return fmt.Sprintf("/events/%s?done=again", url.PathEscape(r.PathValue("id"))), err
}

func (s *console) readAll(r *http.Request) (string, error) {
	_, err := s.api.MarkAll(r.Context(), "", r.PostFormValue("up_to"))
	return "/inbox?done=read", err
}

// readOne marks a notice as read, and shows its event.
func (s *console) readOne(r *http.Request) (string, error) {
	n, err := s.api.Mark(r.Context(), "", r.PathValue("id"), true)
	return "/events/" + url.PathEscape(n.Event), err
}

func (s *console) restartPlugin(r *http.Request) (string, error) {
	_, err := s.api.RestartPlugin(r.Context(), r.PathValue("type"), by(r))
	return "/plugins?done=restarted", err
}
