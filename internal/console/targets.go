package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

// targetList is a page of targets.
type targetList struct {
	Targets []client.Target
	Filter  map[string]string
	More    string
}

func (s *console) targets(r *http.Request) (page, error) {
	filter := chosen(r, []string{"name", "worries"})
	targets, next, err := s.api.TargetPage(r.Context(), behind(r, filter))
	return page{file: "targets", title: "Targets", data: targetList{targets, filter, older("/targets", next)}}, err
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

// saveTarget makes a target of the form, or puts it in the place of the one that there is. What
// is wrong with it is shown in the form again.
func (s *console) saveTarget(r *http.Request) (p page, to string, err error) {
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
			return p, saved(targetsAt, f.Name), nil
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
