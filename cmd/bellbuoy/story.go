package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/app"
	"github.com/bellbuoy/bellbuoy/internal/client"
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// textMax is how many characters of a reply, an error or a reason a story shows.
const textMax = 400

// story tells a trace to people; -o json has what it leaves out.
func story(t client.Trace, now time.Time) []byte {
	var b bytes.Buffer
	fmt.Fprint(&b, typeStatus(t.Event))
	if t.Event.Repository != nil {
		fmt.Fprintf(&b, "  %s", text(subject(t.Event)))
	}
	fmt.Fprint(&b, "\n\n")
	tellEvent(&b, t.Event)
	tellReplays(&b, t)
	tellReceived(&b, t)
	tellVerdicts(&b, t)
	tellDeliveries(&b, t, now)
	return b.Bytes()
}

// text makes attacker-controlled text fit for a line of a story.
func text(s string) string { return clip(safe(s), textMax) }

func tellEvent(b *bytes.Buffer, e event.Event) {
	rows := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	row := func(name string, parts ...string) {
		parts = compact(parts)
		if len(parts) > 0 {
			fmt.Fprintf(rows, "  %s\t%s\n", name, text(strings.Join(parts, ", ")))
		}
	}
	row("event", e.ID)
	row("registry", fmt.Sprintf("%s (%s)", e.Registry.Name, e.Registry.Type), prefixed("as ", e.Registry.Host))
	if a := e.Artifact; a != nil {
		var bytes string
		if a.Size > 0 {
			bytes = size(a.Size)
		}
		row("artifact", string(a.Kind), a.Digest, a.MediaType, bytes)
		row("about", a.Subject)
	}
	if t := e.Target; t != nil {
		row("target", t.Name, t.Condition, t.Reason)
	}
	if d := e.Digested; d != nil {
		var groups []string
		for _, g := range d.Groups {
			groups = append(groups, fmt.Sprintf("%d %s", g.Count, strings.Join(compact([]string{string(g.Type), g.Repository}), " ")))
		}
		row("tells of", groups...)
		row("they are", e.Digest...)
	}
	if a := e.Actor; a != nil {
		row("by", a.Name, prefixed("from ", a.Address), prefixed("with ", a.UserAgent))
	}
	clock := "by the registry's clock"
	if e.TimeSource == event.TimeReceived {
		clock = "when it was received: the registry does not say when it happened"
	}
	row("happened", milli(e.Time)+" "+clock)
	row("native", e.Native.Type, prefixed("id ", e.Native.ID))
	row("origin", string(e.Origin))
	row("unknown", e.Reason)
	_ = rows.Flush() // a buffer takes everything
}

func tellReceived(b *bytes.Buffer, t client.Trace) {
	r := t.Received
	fmt.Fprintf(b, "\nReceived %s", milli(r.Time))
	if r.Remote != "" {
		fmt.Fprintf(b, " from %s", text(r.Remote))
	}
	fmt.Fprintf(b, ", %s", size(r.Size))
	if r.Truncated {
		fmt.Fprint(b, ", of which only the beginning is kept")
	}
	fmt.Fprintln(b)
	if r.Body != "" && r.BodyEncoding == "" {
		fmt.Fprintf(b, "  body: %s\n", text(r.Body))
	}
	if r.Repeats > 0 {
		fmt.Fprintf(b, "  repeated %s since, which changed nothing", times(r.Repeats))
		if r.Conflicts > 0 {
			fmt.Fprintf(b, "; %s with other bytes, of which the first are kept", times(r.Conflicts))
		}
		fmt.Fprintln(b)
	}
}

func tellVerdicts(b *bytes.Buffer, t client.Trace) {
	if t.Hold != nil {
		fmt.Fprintf(b, "\nRules\n  not asked yet: the event is held for %s, until %s at the latest\n", text(t.Hold.Reason), milli(t.Hold.RouteAt))
		return
	}
	fmt.Fprintln(b, "\nRules")
	rows := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, v := range t.Verdicts {
		switch {
		case v.Matched:
			fmt.Fprintf(rows, "  %s\tmatched\n", text(v.Rule))
		case v.Reason != "":
			fmt.Fprintf(rows, "  %s\tno match: %s\n", text(v.Rule), text(v.Reason))
		default:
			fmt.Fprintf(rows, "  %s\tno match by %s\n", text(v.Rule), text(orDash(v.Predicate)))
		}
	}
	_ = rows.Flush() // a buffer takes everything
	if t.VerdictsError != "" {
		fmt.Fprintf(b, "  the reasons of the others are not known: %s\n", text(t.VerdictsError))
	} else if !app.Asked(t.Event.Type) {
		fmt.Fprintln(b, "  none was asked: such an event goes to one target, whatever the rules say")
	} else if len(t.Verdicts) == 0 {
		fmt.Fprintln(b, "  none is for events of this type")
	}
}

func tellDeliveries(b *bytes.Buffer, t client.Trace, now time.Time) {
	if len(t.Deliveries) == 0 && t.Hold == nil {
		fmt.Fprintln(b, "\nNo deliveries")
	}
	for _, d := range t.Deliveries {
		rules := d.Rules
		if len(rules) == 0 {
			rules = []string{d.Rule}
		}
		fmt.Fprintf(b, "\nDelivery to %s (%s): %s\n", text(d.Target), text(d.Type), standing(d, now))
		fmt.Fprintf(b, "  asked for by %s, id %s\n", text(strings.Join(rules, ", ")), text(d.ID))
		tellRendering(b, d.Rendering)
		var last plugin.Request
		for i, a := range d.Attempts {
			tellRedeliveries(b, d, i)
			tellAttempt(b, i+1, a)
			if i == 0 || a.Request.Body != last.Body || !maps.Equal(a.Request.Headers, last.Headers) {
				tellRequest(b, a.Request, t)
			}
			tellAnswer(b, a)
			last = a.Request
		}
		tellRedeliveries(b, d, len(d.Attempts))
		tellShadow(b, d)
	}
}

// tellRendering says how a rule has a message made.
func tellRendering(w io.Writer, r *client.Rendering) {
	if r == nil {
		return
	}
	for _, of := range [...]struct{ what, value string }{
		{"format", r.Format}, {"JSON template", r.JSON}, {"text template", r.Text}, {"title template", r.Title},
	} {
		if of.value != "" {
			fmt.Fprintf(w, "  with the rule's %s %s\n", of.what, text(of.value))
		}
	}
}

// tellRequest says what was sent, beside where to.
func tellRequest(w io.Writer, r plugin.Request, t client.Trace) {
	var headers []string
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		headers = append(headers, name+": "+r.Headers[name])
	}
	if len(headers) > 0 {
		fmt.Fprintf(w, "     headers: %s\n", text(strings.Join(headers, "; ")))
	}
	var sent struct{ Event json.RawMessage }
	_ = json.Unmarshal(t.JSON, &sent) // it was read before
	switch r.Body {
	case "":
	case string(sent.Event):
		fmt.Fprintln(w, "     body: the event, as JSON")
	case t.Received.Body:
		fmt.Fprintln(w, "     body: as it was received")
	default:
		fmt.Fprintf(w, "     body: %s\n", text(r.Body))
	}
}

// standing says where a delivery stands, and what comes next.
func standing(d client.Delivery, now time.Time) string {
	s := text(d.State)
	if d.Reason != "" {
		s += ": " + text(d.Reason)
	}
	if d.Next == nil {
		return s
	}
	if wait := d.Next.Sub(now).Round(time.Second); wait > 0 {
		return fmt.Sprintf("%s, next attempt %s, in %s", s, milli(*d.Next), wait)
	}
	return s + ", next attempt due"
}

func tellAttempt(w io.Writer, n int, a client.Attempt) {
	status := ""
	if a.Status != 0 {
		status = fmt.Sprintf(" %d", a.Status)
	}
	fmt.Fprintf(w, "  %d. %s %s%s after %.1f ms", n, milli(a.Time), text(string(a.Outcome)), status, a.LatencyMS)
	if a.Next != nil {
		fmt.Fprintf(w, ", next planned for %s", milli(*a.Next))
	}
	fmt.Fprintln(w)
	if a.Request.URL != "" {
		fmt.Fprintf(w, "     %s %s\n", text(a.Request.Method), text(a.Request.URL))
	}
}

// tellAnswer says what came back.
func tellAnswer(w io.Writer, a client.Attempt) {
	if a.Error != "" {
		fmt.Fprintf(w, "     error: %s\n", text(a.Error))
	}
	if a.Reply != "" {
		fmt.Fprintf(w, "     reply: %s\n", text(a.Reply))
	}
}

// compact drops the empty ones.
func compact(parts []string) []string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}

// prefixed puts prefix before s where s says something.
func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
