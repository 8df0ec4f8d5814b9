package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/app"
	"github.com/bellbuoy/bellbuoy/internal/client"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// leftOutMax is how many of the rules that were not asked are named.
const leftOutMax = 8

// explained is what the rules make of one event. Its JSON is what -o json prints.
type explained struct {
	Event      event.Event         `json:"event"`
	Verdicts   []client.Verdict    `json:"verdicts"`
	Deliveries []explainedDelivery `json:"deliveries"`
	// LeftOut says why the rule that was asked for has no verdict.
	LeftOut string `json:"left_out,omitempty"`
	// Stored is there for what did not come yet.
	Stored *bool `json:"stored,omitempty"`
	// These are there for what came.
	State         string       `json:"state,omitempty"`
	Hold          *client.Hold `json:"hold,omitempty"`
	RuleSet       string       `json:"rule_set,omitempty"`
	VerdictsError string       `json:"verdicts_error,omitempty"`
	Received      *time.Time   `json:"received,omitempty"`
	Repeats       int          `json:"repeats,omitempty"`

	rule   string   // the only one that was asked for; "" = all
	would  bool     // nothing of it happened
	lookup bool     // the registry would be asked first
	others []string // rules that were not asked, since they take other types or none
	absent string   // why the rule that is asked for was not among those asked
}

// explainedDelivery is one delivery that rules asked for; where it stands, if it was made.
type explainedDelivery struct {
	Target string   `json:"target"`
	Rules  []string `json:"rules"`
	ID     string   `json:"id,omitempty"`
	Type   string   `json:"type,omitempty"`
	State  string   `json:"state,omitempty"`
	Reason string   `json:"reason,omitempty"`
	// Attempts counts those that were made, LastError is what the last failed with.
	Attempts  int        `json:"attempts,omitempty"`
	LastError string     `json:"last_error,omitempty"`
	Next      *time.Time `json:"next,omitempty"`
}

// explainedOf is what a trace says of the rules.
func explainedOf(t client.Trace) explained {
	v := explained{
		Event: t.Event, Verdicts: t.Verdicts, State: t.State, Hold: t.Hold, RuleSet: t.RuleSet,
		VerdictsError: t.VerdictsError, Received: &t.Received.Time, Repeats: t.Received.Repeats,
	}
	for _, d := range t.Deliveries {
		x := explainedDelivery{
			Target: d.Target, Rules: d.Rules, ID: d.ID, Type: d.Type, State: d.State,
			Reason: d.Reason, Attempts: len(d.Attempts), Next: d.Next,
		}
		if n := len(d.Attempts); n > 0 {
			x.LastError = d.Attempts[n-1].Error
		}
		v.Deliveries = append(v.Deliveries, x)
	}
	return v
}

// leaveOut notes which of the rules have no verdict.
func (v *explained) leaveOut(list []app.RuleHead) {
	if v.VerdictsError != "" || !app.Asked(v.Event.Type) {
		return
	}
	asked := map[string]bool{}
	for _, verdict := range v.Verdicts {
		asked[verdict.Rule] = true
	}
	for _, r := range list {
		if !asked[r.Name] {
			v.others = append(v.others, r.Name)
		}
	}
}

// narrowed is v for one of the rules in list, or v itself where none is named.
func (v explained) narrowed(rule string, list []app.RuleHead) explained {
	if v.Verdicts == nil {
		v.Verdicts = []client.Verdict{}
	}
	if v.Deliveries == nil {
		v.Deliveries = []explainedDelivery{}
	}
	if rule == "" {
		return v
	}
	v.rule, v.others = rule, nil
	v.Verdicts = slices.DeleteFunc(slices.Clone(v.Verdicts), func(x client.Verdict) bool { return x.Rule != rule })
	v.Deliveries = slices.DeleteFunc(slices.Clone(v.Deliveries), func(d explainedDelivery) bool { return !slices.Contains(d.Rules, rule) })
	switch {
	case len(v.Verdicts) > 0 || v.Hold != nil:
	case !app.Asked(v.Event.Type):
		v.LeftOut = fmt.Sprintf("rule %q was not asked: an event of type %s goes to one target, whatever the rules say", rule, v.Event.Type)
	case v.absent != "":
		v.LeftOut = fmt.Sprintf("rule %q was not asked: %s", rule, v.absent)
	case v.VerdictsError == "":
		v.LeftOut = app.LeftOut(rule, list, v.Event.Type)
	}
	return v
}

// printExplained tells people about events.
func printExplained(w io.Writer, all []explained, now time.Time) error {
	var b bytes.Buffer
	for i, v := range all {
		if i > 0 {
			fmt.Fprintln(&b)
		}
		v.tell(&b, now)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (v explained) tell(b *bytes.Buffer, now time.Time) {
	e := v.Event
	fmt.Fprintf(b, "%s  %s\n", typeStatus(e), text(subject(e)))
	rows := [][2]string{{"registry", fmt.Sprintf("%s (%s)", e.Registry.Name, e.Registry.Type)}}
	if e.Actor != nil {
		rows = append(rows, [2]string{"by", e.Actor.Name})
	}
	if !v.would {
		rows = append(rows, [2]string{"event", e.ID}, [2]string{"received", milli(e.Received)})
	}
	if e.Type == event.Unknown {
		rows = append(rows, [2]string{"unknown", e.Reason})
	}
	for _, row := range rows {
		if row[1] != "" {
			fmt.Fprintf(b, "  %-9s %s\n", row[0], text(row[1]))
		}
	}
	if v.Repeats > 0 {
		fmt.Fprintf(b, "  %-9s %s since, which changed nothing: rules are asked once, about the first\n", "repeated", times(v.Repeats))
	}
	fmt.Fprintln(b)
	v.tellRules(b)
	v.tellDeliveries(b, now)
}

func (v explained) tellRules(b *bytes.Buffer) {
	switch {
	case v.Hold != nil:
		fmt.Fprintf(b, "No rule was asked yet: the event is held for %s, until %s at the latest.\n", text(v.Hold.Reason), milli(v.Hold.RouteAt))
		return
	case v.Stored != nil && !*v.Stored:
		fmt.Fprintf(b, "Not stored: events of type %s are many, and only counted unless a rule's events\nor the config's keep names them.\n", safe(string(v.Event.Type)))
	case v.LeftOut != "":
		fmt.Fprintf(b, "%s\n", text(sentence(v.LeftOut)))
		return
	case !app.Asked(v.Event.Type):
		fmt.Fprintf(b, "No rule was asked: an event of type %s goes to one target, whatever the rules say.\n", safe(string(v.Event.Type)))
	case len(v.Verdicts) == 0 && v.VerdictsError == "":
		fmt.Fprintf(b, "No rule takes events of type %s.\n", safe(string(v.Event.Type)))
	}
	if len(v.Verdicts) > 0 {
		// A buffer takes everything.
		_ = table(b, func(w io.Writer) {
			fmt.Fprintln(w, "RULE\tFIRED\tCONDITION\tREASON")
			for _, x := range v.Verdicts {
				if x.Matched {
					fmt.Fprintf(w, "%s\tyes\t-\t-\n", text(x.Rule))
				} else {
					fmt.Fprintf(w, "%s\tno\t%s\t%s\n", text(x.Rule), text(orDash(x.Predicate)), text(orDash(x.Reason)))
				}
			}
		})
	}
	if v.VerdictsError != "" {
		fmt.Fprintf(b, "What is not shown is not known: %s\n", text(v.VerdictsError))
	}
	if n := len(v.others); n > 0 {
		names := strings.Join(v.others[:min(n, leftOutMax)], ", ")
		if n > leftOutMax {
			names += fmt.Sprintf(" and %d more", n-leftOutMax)
		}
		fmt.Fprintf(b, "Not asked about %s: %s; --rule NAME says why.\n", safe(string(v.Event.Type)), text(names))
	}
	if v.lookup {
		fmt.Fprintln(b, "The config has this registry asked what an artifact is (lookup: true). It was not asked here.")
	}
}

func (v explained) tellDeliveries(b *bytes.Buffer, now time.Time) {
	switch {
	case v.Hold != nil:
		return
	case len(v.Deliveries) == 0:
		nothing := "Nothing was to be delivered"
		if v.would {
			nothing = "Nothing would be delivered"
		}
		if v.rule != "" {
			nothing += " for rule " + text(v.rule)
		}
		fmt.Fprintf(b, "\n%s.\n", nothing)
		return
	}
	fmt.Fprintln(b)
	_ = table(b, func(w io.Writer) {
		if v.would {
			fmt.Fprintln(w, "WOULD GO TO\tFOR RULES")
		} else {
			fmt.Fprintln(w, "TARGET\tFOR RULES\tSTATE\tATTEMPTS\tLAST ERROR")
		}
		for _, d := range v.Deliveries {
			fmt.Fprintf(w, "%s\t%s", text(d.Target), text(orDash(strings.Join(d.Rules, ", "))))
			if !v.would {
				state := standing(client.Delivery{State: d.State, Reason: d.Reason, Next: d.Next}, now)
				fmt.Fprintf(w, "\t%s\t%d\t%s", state, d.Attempts, text(orDash(d.LastError)))
			}
			fmt.Fprintln(w)
		}
	})
	if !v.would {
		fmt.Fprintf(b, "Each attempt: bellbuoy trace %s\n", safe(v.Event.ID))
	}
}

// sentence begins s with a capital and ends it.
func sentence(s string) string {
	s = strings.ToUpper(s[:1]) + s[1:]
	if strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

// printJSONLines prints a JSON object a line.
func printJSONLines(w io.Writer, all []explained) error {
	for _, v := range all {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			return fmt.Errorf("print JSON: %w", err)
		}
		if _, err := w.Write(safeJSON(b.Bytes())); err != nil {
			return err
		}
	}
	return nil
}
