package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

// overviewData answers what somebody asks first: is anything wrong, and where.
type overviewData struct {
	Worries    []worry
	Events     chart
	Deliveries chart
	Newest     []client.Event
	Connect    []Connection // until the first event came
}

// worry is one thing that needs somebody.
type worry struct {
	Level string // bad or warn
	Text  string
	More  string // the reason, in the words of who said it
	Since time.Time
	Link  string
}

// chartFor is how far back the charts of the overview go.
const chartFor = 24

func (s *console) overview(r *http.Request) (page, error) {
	ctx := r.Context()
	var d overviewData
	targets, more, err := s.api.TargetPage(ctx, map[string]string{"limit": namesPage, "worries": "true"})
	if err != nil {
		return page{}, err
	}
	rules, _, err := s.api.RulePage(ctx, map[string]string{"limit": "1"})
	if err != nil {
		return page{}, err
	}
	stats, err := s.api.Stats(ctx, fmt.Sprintf("%dh", chartFor-1))
	if err != nil {
		return page{}, err
	}
	if d.Newest, _, err = s.api.EventPage(ctx, map[string]string{"limit": "10"}); err != nil {
		return page{}, err
	}
	if d.Worries, err = s.worries(ctx, targets, rules); err != nil {
		return page{}, err
	}
	if more != nil {
		d.Worries = append(d.Worries, worry{Level: "bad", Text: "More targets need somebody.", Link: "/targets?worries=true"})
	}
	d.Events, d.Deliveries = eventChart(stats, s.now()), deliveryChart(stats, s.now())
	if len(d.Newest) == 0 {
		d.Connect = s.Connect(r.Host)
	}
	return page{file: "overview", title: "Overview", data: d}, nil
}

// worries are what needs somebody, the worst first.
func (s *console) worries(ctx context.Context, targets []client.Target, rules client.Rules) ([]worry, error) {
	var bad, warn []worry
	if f := rules.Failed; f != nil {
		w := worry{Level: "bad", Text: "The configuration was changed and has faults: the last good one stays in use.", Since: f.Time, Link: "/rules"}
		if len(f.Faults) > 0 {
			w.More = f.Faults[0].Text
		}
		bad = append(bad, w)
	}
	for _, t := range targets {
		bad, warn = worryOf(t, bad, warn)
	}
	for _, o := range rules.Inactive {
		warn = append(warn, worry{Level: "warn", Text: fmt.Sprintf("The %s %s is not in use.", o.Kind, o.Name), More: o.Why, Link: linkTo(o)})
	}
	list, err := s.api.Quarantine(ctx, 1)
	if err != nil {
		return nil, err
	}
	if len(list) > 0 {
		warn = append(warn, worry{Level: "warn", Text: "Some of what came could not be read, and is in quarantine.", More: list[0].Reason, Since: list[0].Received, Link: "/quarantine"})
	}
	return append(bad, warn...), nil
}

// worryOf adds what is wrong with a target.
func worryOf(t client.Target, bad, warn []worry) ([]worry, []worry) {
	link := "/targets/" + url.PathEscape(t.Name)
	waits := ""
	if n := t.Deliveries["waiting"] + t.Deliveries["parked"]; n > 0 {
		waits = fmt.Sprintf(" %s for it.", many(n, "event waits", "events wait"))
	}
	w := worry{Level: "bad", Link: link, More: t.Condition.Reason}
	if t.Condition.Since != nil {
		w.Since = *t.Condition.Since
	}
	switch t.Condition.State {
	case "disabled":
		w.Text = fmt.Sprintf("Target %s is disabled.%s", t.Name, waits)
		bad = append(bad, w)
	case "failing":
		w.Text = fmt.Sprintf("Target %s is failing.%s", t.Name, waits)
		bad = append(bad, w)
	case "gone":
		if waits != "" {
			w.Text = fmt.Sprintf("Target %s is not in the configuration any more.%s", t.Name, waits)
			bad = append(bad, w)
		}
	}
	if m := t.Condition.Marked; m != nil {
		warn = append(warn, worry{Level: "warn", Text: fmt.Sprintf("The options of target %s are wrong.", t.Name), More: m.Reason, Since: m.Since, Link: link})
	}
	if n := t.Deliveries["dead"] + t.Deliveries["expired"]; n > 0 {
		warn = append(warn, worry{Level: "warn", Text: fmt.Sprintf("%s could not be delivered to %s.", many(n, "event", "events"), t.Name),
			Link: "/dead?target=" + url.QueryEscape(t.Name)})
	}
	return bad, warn
}

// linkTo is the page of what was made and is not in use.
func linkTo(o client.Inactive) string {
	switch o.Kind {
	case "rule":
		return "/rules/" + url.PathEscape(o.Name)
	case "target":
		return "/targets/" + url.PathEscape(o.Name)
	}
	return "/registries"
}
