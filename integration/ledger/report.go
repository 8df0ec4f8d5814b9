package ledger

import (
	"errors"
	"fmt"
	"slices"
)

// Report is what a ledger says.
type Report struct {
	Accepted int // events answered 202
	Arrived  int // different events that succeeded at one target at least
	// Lost are events answered 202, each with a target that never answered them with
	// success and of which no trace says how else that ended.
	Lost []string
	// Split are events that arrived at a target under more than one webhook id: a
	// receiver could not tell the repeat.
	Split []string
	// Repeats are the webhook ids that succeeded more than once, with how often beyond
	// the first.
	Repeats map[string]int
	// Baseless are webhook ids that came again after a success, though that was on record,
	// or there was no cut in between and no trace knows of an answer that was not read.
	Baseless []string
	// Disorder names first successes that came before an earlier event of their key.
	Disorder []string
	// Stray are requests of events that nobody posted, or not like that.
	Stray []string
	// Disagree says where the trace does not agree with what came.
	Disagree []string
	// Ends counts the deliveries of the traces that were entered, by state.
	Ends map[string]int
	// Most is how many sends were repeated at one target because of one cut, at the most.
	Most int
}

// Err is everything in the report that must never be, nil where there is nothing.
func (r Report) Err() error {
	var errs []error
	if r.Accepted == 0 {
		errs = append(errs, errors.New("nothing was accepted, so nothing was tested"))
	}
	for _, f := range []struct {
		list []string
		what string
	}{
		{r.Lost, "events were answered 202 and lost"},
		{r.Split, "events came under several webhook ids"},
		{r.Baseless, "sends were repeated for nothing"},
		{r.Disorder, "events came out of order"},
		{r.Stray, "requests came that nobody caused"},
		{r.Disagree, "deliveries differ from their trace"},
	} {
		if n := len(f.list); n > 0 {
			errs = append(errs, fmt.Errorf("%d %s, such as %s", n, f.what, f.list[0]))
		}
	}
	return errors.Join(errs...)
}

// Report compares the sides as they stand.
func (l *Ledger) Report() Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := Report{Accepted: len(l.accepted), Repeats: map[string]int{}, Ends: map[string]int{}, Disagree: slices.Clone(l.disagree)}
	for state, n := range l.ends {
		r.Ends[state] = n
	}
	arrived := map[string]bool{}
	perCut := map[string]int{}
	for p, d := range l.deliveries {
		if len(d.ids) > 1 {
			r.Split = append(r.Split, p.id+" at "+p.target)
		}
		if d.again > d.unread {
			r.Baseless = append(r.Baseless, d.ids[0]+" at "+p.target)
		}
		succeeded := d.succeeded()
		if succeeded > 0 {
			arrived[p.id] = true
		}
		if succeeded > 1 {
			r.Repeats[d.ids[0]] += succeeded - 1
		}
		life := -1
		for _, a := range d.arrivals {
			if a.Status/100 == 2 && life >= 0 {
				perCut[fmt.Sprint(p.target, a.life)]++
			}
			if a.Status/100 == 2 {
				life = a.life
			}
		}
	}
	r.Arrived = len(arrived)
	for _, n := range perCut {
		r.Most = max(r.Most, n)
	}
	for _, id := range l.accepted {
		for _, target := range l.targets {
			if d := l.deliveries[pair{id, target}]; !l.audited[id] && (d == nil || d.succeeded() == 0) {
				r.Lost = append(r.Lost, id+" to "+target)
			}
		}
	}
	for _, a := range l.stray {
		r.Stray = append(r.Stray, fmt.Sprintf("%+v", a))
	}
	for _, target := range l.targets {
		r.Disorder = append(r.Disorder, l.disorder(target)...)
	}
	return r
}

// disorder names what succeeded at a target after a later event of its key had.
func (l *Ledger) disorder(target string) (out []string) {
	latest := map[string]string{} // key -> native id
	for _, e := range l.first[target] {
		at, known := l.place[e.id]
		if !known {
			continue // posted, stored, and its answer never read
		}
		if before, ok := latest[e.key]; ok && l.place[before] > at {
			out = append(out, fmt.Sprintf("%s: %s arrived after the later %s", e.key, e.id, before))
			continue
		}
		latest[e.key] = e.id
	}
	return out
}
