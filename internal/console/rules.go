package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

// ruleList is a page of rules.
type ruleList struct {
	Running client.Rules
	Filter  map[string]string
	More    string
}

func (s *console) rules(r *http.Request) (page, error) {
	filter := chosen(r, []string{"name"})
	rules, next, err := s.api.RulePage(r.Context(), behind(r, filter))
	return page{file: "rules", title: "Rules", data: ruleList{rules, filter, older("/rules", next)}}, err
}

// ruleData is one rule, and what it took.
type ruleData struct {
	client.Object
	Enabled bool
	Form    bool // it can be edited in a form
	Log     []client.LogEntry
	All     bool // with what it did not take
	Older   string
}

func (s *console) rule(r *http.Request) (page, error) {
	name := r.PathValue("name")
	o, err := s.api.Object(r.Context(), rulesAt, name)
	if err != nil {
		return page{}, err
	}
	d := ruleData{Object: o, All: r.URL.Query().Get("all") != ""}
	f, ok := formOf(o.Object)
	d.Enabled, d.Form = f.Enabled, ok
	query := asked(r, nil)
	if d.All {
		query["all"] = "true"
	}
	var next client.Cursor
	if d.Log, next, err = s.api.LogPage(r.Context(), rulesAt, name, query); err != nil {
		return page{}, err
	}
	d.Older = older("/rules/"+url.PathEscape(name), next)
	return page{file: "rule", title: "Rule " + name, data: d}, nil
}

// ruleText is a rule that is edited as text.
type ruleText struct {
	Name, Text, Version, Wrong string
	Faults                     map[string]string
}

func (s *console) editRule(r *http.Request) (page, error) {
	o, err := s.api.Object(r.Context(), rulesAt, r.PathValue("name"))
	if err != nil {
		return page{}, err
	}
	if f, ok := formOf(o.Object); ok && r.URL.Query().Get("as") != "text" {
		f.Version = versionOf(o)
		return s.ruleForm(r, f)
	}
	return page{file: "ruletext", title: "Rule " + o.Name, data: ruleText{Name: o.Name, Text: pretty(o.Object), Version: versionOf(o)}}, nil
}

// newRule is the form of a rule that there is not yet; the address may say to which target.
func (s *console) newRule(r *http.Request) (page, error) {
	return s.ruleForm(r, ruleForm{Enabled: true, Deliver: r.URL.Query()["deliver"], Events: r.URL.Query()["events"]})
}

// ruleForm completes a form by what there is to choose from.
func (s *console) ruleForm(r *http.Request, f ruleForm) (page, error) {
	targets, _, err := s.api.TargetPage(r.Context(), map[string]string{"limit": manyNames})
	if err != nil {
		return page{}, err
	}
	registries, err := s.api.Registries(r.Context())
	if err != nil {
		return page{}, err
	}
	for _, t := range targets {
		if t.InConfig {
			f.KnownTargets = append(f.KnownTargets, t.Name)
		}
	}
	for _, g := range registries {
		f.KnownRegist = append(f.KnownRegist, g.Name)
	}
	f.KnownTargets, f.OtherTargets = few(f.KnownTargets, f.Deliver)
	f.KnownRegist, _ = few(f.KnownRegist, f.Registries)
	f.KnownEvents, f.KnownKinds = eventChoices(), kindChoices()
	title := "New rule"
	if f.Version != "" {
		title = "Rule " + f.Name
	}
	return page{file: "ruleform", title: title, data: f}, nil
}

// maxBoxes is how many names a form has boxes for. Of more, it has those that are ticked and
// a field, with manyNames as suggestions.
const (
	maxBoxes  = 30
	manyNames = "1000"
)

func few(names, ticked []string) (boxes, suggestions []string) {
	if len(names) <= maxBoxes {
		for _, t := range ticked {
			if !slices.Contains(names, t) {
				names = append(names, t) // it is not there any more, and is said to be chosen
			}
		}
		return names, nil
	}
	return ticked, names
}

// saveRule makes a rule of the form, or puts it in the place of the one that there is. What is
// wrong with it is shown in the form again.
func (s *console) saveRule(r *http.Request) (p page, to string, err error) {
	f := readRule(r.PostForm)
	if name := r.PathValue("name"); name == "" {
		_, err = s.api.Create(r.Context(), rulesAt, f.body(), wish(r))
	} else {
		f.Name = name
		_, err = s.api.Put(r.Context(), rulesAt, name, f.body(), wish(r))
	}
	if err == nil {
		return p, saved(rulesAt, f.Name), nil
	}
	faults, whole, ok := faultsOf(err)
	if !ok {
		return p, "", err
	}
	f.Faults, f.Wrong = under(faults, "events", "scope.repositories", "scope.namespaces", "tag", "actors", "ref", "deliver"), whole
	p, err = s.ruleForm(r, f)
	p.status = http.StatusUnprocessableEntity
	return p, "", err
}

// saveRuleText puts what was written in the place of a rule.
func (s *console) saveRuleText(r *http.Request) (p page, to string, err error) {
	d := ruleText{Name: r.PathValue("name"), Text: r.PostFormValue("text"), Version: r.PostFormValue("version")}
	if _, err = s.api.Put(r.Context(), rulesAt, d.Name, []byte(d.Text), wish(r)); err == nil {
		return p, saved(rulesAt, d.Name), nil
	}
	var ok bool
	if d.Faults, d.Wrong, ok = faultsOf(err); !ok {
		return p, "", err
	}
	return page{file: "ruletext", title: "Rule " + d.Name, data: d, status: http.StatusUnprocessableEntity}, "", nil
}

// previewFor is how far back a rule is tried while it is edited.
const previewFor = "72h"

// previewData is what a rule would have made of stored events, or what is wrong with it.
type previewData struct {
	client.Preview
	Faults []client.Fault
}

// preview tries the rule of a form while it is filled in.
func (s *console) preview(r *http.Request) (page, error) {
	f := readRule(r.PostForm)
	if f.Name == "" {
		f.Name = "new-rule" // what it does is not up to its name
	}
	p, err := s.api.PreviewRule(r.Context(), f.Name, f.body(), previewFor)
	d := previewData{Preview: p}
	if problem, ok := errors.AsType[*client.Problem](err); ok && problem.Status < 500 {
		d.Faults, err = problem.Errors, nil
		if len(d.Faults) == 0 {
			d.Faults = []client.Fault{{Message: problem.Error()}}
		}
	}
	return page{file: "preview", data: d, bare: true}, err
}

// turnRule switches a rule on or off.
func (s *console) turnRule(on bool) func(*http.Request) (string, error) {
	word := map[bool]string{true: "enabled", false: "off"}[on]
	return func(r *http.Request) (string, error) {
		name := r.PathValue("name")
		_, err := s.api.Turn(r.Context(), name, on, by(r))
		return "/rules/" + url.PathEscape(name) + "?done=" + word, err
	}
}

func (s *console) testRule(r *http.Request) (string, error) {
	t, err := s.api.TestRule(r.Context(), r.PathValue("name"), client.RuleTest{By: by(r)})
	if err == nil && t.Event == "" {
		err = &client.Problem{Status: http.StatusConflict, Detail: "Nothing was made: " + t.Verdict.Reason + "."}
	}
	return "/events/" + url.PathEscape(t.Event), err
}
