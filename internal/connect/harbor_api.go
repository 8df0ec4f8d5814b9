package connect

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/bellbuoy/bellbuoy/config"
)

// Make says what is to be made at a registry, of [Options].
type Make struct {
	API API
	// Name is what that is called: "bellbuoy", if it is "".
	Name string
	// Places are the projects or repositories by name. All asks for those that there are
	// as well, of Harbor; Organizations for all repositories of these, of Quay.
	Places        []string
	All           bool
	Organizations []string
	// Events are those wanted, in the registry's words; none = all.
	Events []string
	// Remove takes away what was made, instead.
	Remove bool
}

func (m Make) name() string {
	if m.Name == "" {
		return "bellbuoy"
	}
	return m.Name
}

// choose returns those of known that m wants.
func (m Make) choose(known []string) ([]string, error) {
	for _, e := range m.Events {
		if !slices.Contains(known, e) {
			return nil, fmt.Errorf("there is no event %q: %s", e, config.Suggest(e, known))
		}
	}
	return slices.DeleteFunc(slices.Clone(known), func(e string) bool {
		return len(m.Events) > 0 && !slices.Contains(m.Events, e)
	}), nil
}

// secrets are what no message may show.
func (o Options) secrets() (list []string) {
	o.ShowSecrets = true
	for _, a := range o.Registry.Auth {
		if v, ok := o.authorization(a); ok {
			list = append(list, v)
		}
		for _, s := range []*config.Secret{a.Bearer, a.Path} {
			if s != nil {
				list = append(list, s.Reveal())
			}
		}
		if a.Basic != nil {
			list = append(list, a.Basic.Password.Reveal())
		}
		if a.Header != nil {
			list = append(list, a.Header.Value.Reveal())
		}
	}
	return list
}

// harborSide is a Harbor.
type harborSide struct {
	*caller
	want   harborWant
	remove bool
	offer  *harborOffer // what it has, as far as it was asked
}

const harborPage = 100 // it gives no more at once

// Harbor makes a webhook policy in each project of m. Secrets of o are given to Harbor.
func Harbor(o Options, m Make) (*Side, error) {
	if err := checkURL(o.URL); err != nil {
		return nil, err
	}
	o.ShowSecrets = true
	target, _, err := o.harborTarget()
	if err != nil {
		return nil, err
	}
	events, err := m.choose(harborEvents)
	if err != nil {
		return nil, err
	}
	c, err := newCaller("Harbor", m.API, "/api/v2.0", o.secrets())
	if err != nil {
		return nil, err
	}
	c.authorize = func(r *http.Request, secret string) {
		r.SetBasicAuth(m.API.Username, secret)
		// A project's name of digits would be taken for its id.
		r.Header.Set("X-Is-Resource-Name", "true")
	}
	c.advice = func(status int) string {
		switch status {
		case http.StatusUnauthorized:
			return fmt.Sprintf("correct the user %s or the password; a robot's name begins with robot$, and a robot may have expired", m.API.Username)
		case http.StatusForbidden:
			return harborRights
		}
		return ""
	}
	h := &harborSide{caller: c, remove: m.Remove,
		want: harborWant{name: m.name(), registry: o.Registry.Name, events: events, target: target}}
	s := &Side{caller: c, named: m.Places, plan: h.plan, begin: func() { h.offer = nil }}
	if m.All {
		s.list = h.projects
	}
	return s, nil
}

const harborRights = "give the robot the rights create, read, update, delete and list of notification-policy in the project, for all projects as a system robot that has them in each and list of project in the system; or take a user who administers the project, for a maintainer may only read"

// plan reads the policies of a project.
func (h *harborSide) plan(ctx context.Context, project string) ([]step, error) {
	found, err := h.policies(ctx, project)
	if err != nil {
		return nil, explainProject(err, project)
	}
	var deed harborDeed
	if h.remove {
		deed, err = h.want.remove(found)
	} else {
		var offer harborOffer
		if offer, err = h.offered(ctx, project); err != nil {
			return nil, err
		}
		want := h.want.offered(offer)
		if len(want.events) == 0 {
			return nil, fmt.Errorf("this Harbor has none of the events that are wanted: leave --event out")
		}
		deed, err = want.plan(found)
	}
	if err != nil {
		return nil, err
	}
	s := step{row: Row{Place: project, What: h.want.name, Action: deed.action, Changes: deed.changes, Note: deed.note}}
	path := policies(project)
	one := path + "/" + strconv.FormatInt(deed.id, 10)
	method := http.MethodPut
	switch deed.action {
	case Unchanged, Absent:
		return []step{s}, nil
	case Made:
		method = http.MethodPost
		one = path
	case Removed:
		if deed.body == nil {
			method = http.MethodDelete
		}
	}
	s.do = func(ctx context.Context) error {
		var in any
		if deed.body != nil {
			in = deed.body
		}
		_, err := h.do(ctx, method, one, in, nil)
		return err
	}
	return []step{s}, nil
}

// explainProject adds to the answer that there is no project what may be meant.
func explainProject(err error, project string) error {
	if faultOf(err) != faultMissing {
		return err
	}
	return &apiError{fault: faultMissing, status: http.StatusNotFound,
		text: fmt.Sprintf("there is no project %q, or it is hidden from this user: %v", project, err)}
}

func policies(project string) string {
	return "/projects/" + url.PathEscape(project) + "/webhook/policies"
}

// offered asks what there is once for all projects.
func (h *harborSide) offered(ctx context.Context, project string) (harborOffer, error) {
	if h.offer == nil {
		var o harborOffer
		if _, err := h.do(ctx, http.MethodGet, "/projects/"+url.PathEscape(project)+"/webhook/events", nil, &o); err != nil {
			return o, explainProject(err, project)
		}
		h.offer = &o
	}
	return *h.offer, nil
}

func (h *harborSide) policies(ctx context.Context, project string) ([]harborFound, error) {
	return pages[harborFound](ctx, h.caller, policies(project))
}

func (h *harborSide) projects(ctx context.Context) ([]string, error) {
	all, err := pages[struct {
		Name    string `json:"name"`
		Deleted bool   `json:"deleted"`
	}](ctx, h.caller, "/projects")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, p := range all {
		if !p.Deleted && p.Name != "" && !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names, nil
}

// pages reads a list of Harbor's to its end.
func pages[T any](ctx context.Context, c *caller, path string) ([]T, error) {
	var all []T
	for page := 1; page <= maxPages; page++ {
		var some []T
		h, err := c.do(ctx, http.MethodGet, fmt.Sprintf("%s?page=%d&page_size=%d", path, page, harborPage), nil, &some)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		total, err := strconv.Atoi(h.Get("X-Total-Count"))
		if len(some) == 0 || err == nil && len(all) >= total || err != nil && len(some) < harborPage {
			return all, nil
		}
	}
	return nil, c.endless(path)
}
