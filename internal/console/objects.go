package console

import (
	"errors"
	"net/http"
	"net/url"
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

// saved is the page of what was saved.
func saved(noun client.Noun, name string) string {
	return "/" + string(noun) + "/" + url.PathEscape(name) + "?done=saved"
}

// delete deletes what was made through the API.
func (s *console) delete(noun client.Noun) func(*http.Request) (string, error) {
	return func(r *http.Request) (string, error) {
		return "/" + string(noun) + "?done=deleted", s.api.Delete(r.Context(), noun, r.PathValue("name"), wish(r))
	}
}

// wish is how what a form says is to be done: by who sent it, to the version that he saw.
func wish(r *http.Request) client.Wish {
	version, _ := strconv.ParseInt(r.PostFormValue("version"), 10, 64) // none is any
	return client.Wish{By: by(r), Version: version}
}

// namesPage is how many rules or targets a page has.
const namesPage = "100"

// behind is the query of one page of what is configured.
func behind(r *http.Request, filter map[string]string) map[string]string {
	query := map[string]string{"limit": namesPage, "after": r.URL.Query().Get("after")}
	for name, value := range filter {
		query[name] = value
	}
	return query
}
