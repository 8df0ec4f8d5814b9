package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

// Where the API has what people make.
const (
	rulesAt   = client.RulesNoun
	targetsAt = client.TargetsNoun
)

// faultsOf are what the API says is wrong with what was to be saved, by path; ok is false
// for an error that is about something else.
func faultsOf(err error) (faults map[string]string, whole string, ok bool) {
	p, isProblem := errors.AsType[*client.Problem](err)
	if !isProblem || p.Status == http.StatusForbidden || p.Status == http.StatusUnauthorized || p.Status >= 500 {
		return nil, "", false
	}
	faults = map[string]string{}
	var rest []string
	for _, f := range p.Errors {
		if f.Path == "" {
			rest = append(rest, f.Message)
			continue
		}
		faults[f.Path] = f.Message
	}
	if len(p.Errors) == 0 {
		rest = []string{p.Error()}
	}
	return faults, strings.Join(rest, " "), true
}

// under gathers the faults of what is within a field of the form, such as tag.regex within tag.
func under(faults map[string]string, fields ...string) map[string]string {
	out := map[string]string{}
	for path, message := range faults {
		field := path
		for _, f := range fields {
			if path == f || strings.HasPrefix(path, f+".") || strings.HasPrefix(path, f+"[") {
				field = f
			}
		}
		if out[field] != "" {
			message = out[field] + "; " + message
		}
		out[field] = message
	}
	return out
}

// versionOf is what a form says of which version it is about; "" of what a file has.
func versionOf(o client.Object) string {
	if o.Owner.Version == 0 {
		return ""
	}
	return strconv.FormatInt(o.Owner.Version, 10)
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
func (s *console) saveRule(w http.ResponseWriter, r *http.Request) {
	if err := readForm(w, r); err != nil {
		s.show(w, r, s.failed(r, err))
		return
	}
	f := readRule(r.PostForm)
	var err error
	if name := r.PathValue("name"); name == "" {
		_, err = s.api.Create(r.Context(), rulesAt, f.body(), wish(r))
	} else {
		f.Name = name
		_, err = s.api.Put(r.Context(), rulesAt, name, f.body(), wish(r))
	}
	if err == nil {
		http.Redirect(w, r, "/rules/"+url.PathEscape(f.Name)+"?done=saved", http.StatusSeeOther)
		return
	}
	faults, whole, ok := faultsOf(err)
	if !ok {
		s.show(w, r, s.failed(r, err))
		return
	}
	f.Faults, f.Wrong = under(faults, "events", "scope.repositories", "scope.namespaces", "tag", "actors", "ref", "deliver"), whole
	p, err := s.ruleForm(r, f)
	if err != nil {
		p = s.failed(r, err)
	}
	if p.status == 0 {
		p.status = http.StatusUnprocessableEntity
	}
	s.show(w, r, p)
}

// saveRuleText puts what was written in the place of a rule.
func (s *console) saveRuleText(w http.ResponseWriter, r *http.Request) {
	if err := readForm(w, r); err != nil {
		s.show(w, r, s.failed(r, err))
		return
	}
	d := ruleText{Name: r.PathValue("name"), Text: r.PostFormValue("text"), Version: r.PostFormValue("version")}
	_, err := s.api.Put(r.Context(), rulesAt, d.Name, []byte(d.Text), wish(r))
	if err == nil {
		http.Redirect(w, r, "/rules/"+url.PathEscape(d.Name)+"?done=saved", http.StatusSeeOther)
		return
	}
	var ok bool
	if d.Faults, d.Wrong, ok = faultsOf(err); !ok {
		s.show(w, r, s.failed(r, err))
		return
	}
	s.show(w, r, page{file: "ruletext", title: "Rule " + d.Name, data: d, status: http.StatusUnprocessableEntity})
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
func (s *console) turnRule(on bool) formFunc {
	word := map[bool]string{true: "enabled", false: "off"}[on]
	return func(r *http.Request) (string, error) {
		name := r.PathValue("name")
		_, err := s.api.Turn(r.Context(), name, on, by(r))
		return "/rules/" + url.PathEscape(name) + "?done=" + word, err
	}
}

// delete deletes what was made through the API.
func (s *console) delete(noun client.Noun) formFunc {
	return func(r *http.Request) (string, error) {
		return "/" + string(noun) + "?done=deleted", s.api.Delete(r.Context(), noun, r.PathValue("name"), wish(r))
	}
}

// wish is how what a form says is to be done: by who sent it, to the version that he saw.
func wish(r *http.Request) client.Wish {
	version, _ := strconv.ParseInt(r.PostFormValue("version"), 10, 64) // none is any
	return client.Wish{By: by(r), Version: version}
}

func (s *console) testRule(r *http.Request) (string, error) {
	t, err := s.api.TestRule(r.Context(), r.PathValue("name"), client.RuleTest{By: by(r)})
	if err == nil && t.Event == "" {
		err = &client.Problem{Status: http.StatusConflict, Detail: "Nothing was made: " + t.Verdict.Reason + "."}
	}
	return "/events/" + url.PathEscape(t.Event), err
}

// targetForm is a target as the fields of a form have it.
type targetForm struct {
	Name, Type, TypeLabel string
	Version               string
	Types                 []choice // to choose from, where there is no type yet
	Options               []option
	Rate, DefaultRate     string
	DisableAfter          string
	Shadow                bool
	Faults                map[string]string
	Wrong                 string

	body map[string]any // of the target that there is, with what the form has no field for
}

// fewOptions is how many options are all shown at once.
const fewOptions = 6

// Few reports whether all options are shown at once.
func (f targetForm) Few() bool { return len(f.Options) <= fewOptions }

// More reports whether one of the options is set that can be left out.
func (f targetForm) More() bool {
	return slices.ContainsFunc(f.Options, func(o option) bool { return !o.Required && (o.Value != "" || o.Fault != "") })
}

// Paced reports whether something is said of the pace.
func (f targetForm) Paced() bool {
	return f.Rate != "" || f.DisableAfter != "" || f.Shadow || f.Faults["rate"] != "" || f.Faults["disable_after"] != ""
}

// typeLabels are what people call the types that come with bellbuoy.
func typeLabels() map[string]string {
	return map[string]string{
		"dingtalk": "DingTalk robot 钉钉", "feishu": "Feishu or Lark robot 飞书", "wecom": "WeCom robot 企业微信", "slack": "Slack", "teams": "Microsoft Teams",
		"discord": "Discord", "email": "E-mail", "webhook": "Webhook: any HTTP address", "inbox": "Inbox: the bell of this console",
		"shoutrrr": "Telegram, Matrix, ntfy, Gotify and others (shoutrrr)", "hipchat": "HipChat", "flowdock": "Flowdock",
	}
}

func labelOf(typ string) string {
	if l := typeLabels()[typ]; l != "" {
		return l
	}
	return typ
}

func (s *console) newTarget(r *http.Request) (page, error) {
	f := targetForm{Type: r.URL.Query().Get("type")}
	if f.Type != "" {
		return s.targetForm(r, f, nil)
	}
	types, err := s.api.TargetTypes(r.Context())
	byLabel := map[string]string{}
	for _, t := range types {
		byLabel[labelOf(t)] = t
	}
	for _, label := range sortedKeys(byLabel) {
		f.Types = append(f.Types, choice{byLabel[label], label})
	}
	return page{file: "targetform", title: "New target", data: f}, err
}

// targetForm completes a form by what the type says of its options; values are those that
// there are.
func (s *console) targetForm(r *http.Request, f targetForm, values json.RawMessage) (page, error) {
	t, err := s.api.TargetType(r.Context(), f.Type)
	if err != nil {
		return page{}, err
	}
	f.TypeLabel, f.DefaultRate = labelOf(f.Type), t.Rate
	if f.Options, err = optionsOf(t.Options, values); err != nil {
		return page{}, err
	}
	title := "New target"
	if f.Version != "" {
		title = "Target " + f.Name
	}
	return page{file: "targetform", title: title, data: f}, nil
}

func (s *console) editTarget(r *http.Request) (page, error) {
	o, err := s.api.Object(r.Context(), targetsAt, r.PathValue("name"))
	if err != nil {
		return page{}, err
	}
	f, values, err := targetFormOf(o)
	if err != nil {
		return page{}, err
	}
	return s.targetForm(r, f, values)
}

// targetFormOf is the form for a target that there is, and its options.
func targetFormOf(o client.Object) (f targetForm, options json.RawMessage, err error) {
	var t struct {
		Type         string          `json:"type"`
		Options      json.RawMessage `json:"options"`
		Rate         string          `json:"rate"`
		DisableAfter int             `json:"disable_after"`
		Mode         string          `json:"mode"`
	}
	if err = json.Unmarshal(o.Object, &t); err == nil {
		err = json.Unmarshal(o.Object, &f.body)
	}
	if err != nil {
		return f, nil, fmt.Errorf("read target %s: %w", o.Name, err)
	}
	f.Name, f.Version, f.Type, f.Rate, f.Shadow = o.Name, versionOf(o), t.Type, t.Rate, t.Mode == "shadow"
	if t.DisableAfter > 0 {
		f.DisableAfter = strconv.Itoa(t.DisableAfter)
	}
	return f, t.Options, nil
}

// saveTarget makes a target of the form, or puts it in the place of the one that there is.
func (s *console) saveTarget(w http.ResponseWriter, r *http.Request) {
	err := readForm(w, r)
	var p page
	if err == nil {
		var name string
		if p, name, err = s.takeTarget(r); err == nil && name != "" {
			http.Redirect(w, r, "/targets/"+url.PathEscape(name)+"?done=saved", http.StatusSeeOther)
			return
		}
	}
	if err != nil {
		p = s.failed(r, err)
	}
	s.show(w, r, p)
}

// takeTarget saves the target of a form and returns its name, or the form with what is wrong.
func (s *console) takeTarget(r *http.Request) (p page, saved string, err error) {
	v := r.PostForm
	f := targetForm{body: map[string]any{}, Faults: map[string]string{}}
	if name := r.PathValue("name"); name != "" {
		o, err := s.api.Object(r.Context(), targetsAt, name)
		if err == nil {
			f, _, err = targetFormOf(o)
		}
		if err != nil {
			return p, "", err
		}
		f.Faults = map[string]string{}
	} else {
		f.Name, f.Type = strings.TrimSpace(v.Get("name")), v.Get("type")
	}
	f.Version = v.Get("version")
	f.Rate, f.DisableAfter, f.Shadow = strings.TrimSpace(v.Get("rate")), strings.TrimSpace(v.Get("disable_after")), v.Get("shadow") != ""
	t, err := s.api.TargetType(r.Context(), f.Type)
	if err != nil {
		return p, "", err
	}
	f.TypeLabel, f.DefaultRate = labelOf(f.Type), t.Rate
	if f.Options, err = optionsOf(t.Options, nil); err != nil {
		return p, "", err
	}
	options, unread := readOptions(f.Options, v)
	for i := range f.Options {
		f.Options[i].Value = v.Get(f.Options[i].Name())
	}
	for path, message := range unread {
		f.Faults["options."+path] = message
	}
	f.write(options)
	if len(f.Faults) == 0 {
		if f.Version == "" {
			_, err = s.api.Create(r.Context(), targetsAt, encode(f.body), wish(r))
		} else {
			_, err = s.api.Put(r.Context(), targetsAt, f.Name, encode(f.body), wish(r))
		}
		if err == nil {
			return p, f.Name, nil
		}
		var ok bool
		if f.Faults, f.Wrong, ok = faultsOf(err); !ok {
			return p, "", err
		}
	}
	f.blame()
	title := "New target"
	if f.Version != "" {
		title = "Target " + f.Name
	}
	return page{file: "targetform", title: title, data: f, status: http.StatusUnprocessableEntity}, "", nil
}

// write puts what the form says into the body.
func (f *targetForm) write(options json.RawMessage) {
	f.body["name"], f.body["type"], f.body["options"] = f.Name, f.Type, options
	set := func(key string, v any, is bool) {
		delete(f.body, key)
		if is {
			f.body[key] = v
		}
	}
	set("rate", f.Rate, f.Rate != "")
	set("mode", "shadow", f.Shadow)
	n, err := strconv.Atoi(f.DisableAfter)
	if f.DisableAfter != "" && err != nil {
		f.Faults["disable_after"] = "is no whole number"
	}
	set("disable_after", n, n > 0)
}

// blame puts what is wrong to the fields that it is about; the rest is said above.
func (f *targetForm) blame() {
	for path, message := range f.Faults {
		if path == "name" || path == "rate" || path == "disable_after" {
			continue
		}
		at := slices.IndexFunc(f.Options, func(o option) bool {
			of := "options." + o.Path
			return path == of || strings.HasPrefix(path, of+".") || strings.HasPrefix(path, of+"[")
		})
		if at >= 0 {
			f.Options[at].Fault = message
			continue
		}
		f.Wrong = strings.TrimSpace(f.Wrong + " " + path + " " + message)
	}
}

// targetData is one target, how it is, and what was for it.
type targetData struct {
	client.Object
	Type      string
	TypeLabel string
	Shadow    bool
	Pace      string // how many are sent in any window of time; "" = any number
	OfType    bool   // that is as suits the type
	Log       []client.LogEntry
	Older     string
}

func (s *console) target(r *http.Request) (page, error) {
	name := r.PathValue("name")
	o, err := s.api.Object(r.Context(), targetsAt, name)
	if err != nil {
		return page{}, err
	}
	f, _, err := targetFormOf(o)
	if err != nil {
		return page{}, err
	}
	d := targetData{Object: o, Type: f.Type, TypeLabel: labelOf(f.Type), Shadow: f.Shadow, Pace: f.Rate}
	if t, err := s.api.TargetType(r.Context(), f.Type); err == nil && d.Pace == "" { // else its type says nothing
		d.Pace, d.OfType = t.Rate, true
	}
	if d.Pace == "0" {
		d.Pace = ""
	}
	var next client.Cursor
	if d.Log, next, err = s.api.LogPage(r.Context(), targetsAt, name, asked(r, nil)); err != nil {
		return page{}, err
	}
	d.Older = older("/targets/"+url.PathEscape(name), next)
	return page{file: "target", title: "Target " + name, data: d}, nil
}
