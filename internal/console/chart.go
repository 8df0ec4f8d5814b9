package console

import (
	"fmt"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

// chart is bars by the hour, each of a few parts.
type chart struct {
	Title string
	Kinds []kind
	Hours []bar
	Most  int // the highest bar
	Width int
}

// kind is what a part of a bar counts.
type kind struct {
	Name  string
	Class string
	Total int
}

// bar is one hour.
type bar struct {
	Hour  time.Time
	Parts []part
	Total int
	X     int
	Says  string
}

// part is a part of a bar, in the units of the drawing.
type part struct {
	Class        string
	Count        int
	Y, H         float64
	X, BarsWidth int
}

// The drawing: bars in a box of this height.
const (
	barStep   = 20
	barWidth  = 16
	barHeight = 100
)

// eventChart is how many events came.
func eventChart(s client.Stats, now time.Time) chart {
	c := newChart("Events", now, []kind{{Name: "stored", Class: "good"}, {Name: "counted only", Class: "idle"}, {Name: "told again", Class: "soft"}, {Name: "unreadable", Class: "bad"}})
	of := map[string]int{"stored": 0, "counted": 1, "duplicate": 2, "conflict": 2, "quarantined": 3}
	for _, e := range s.Events {
		if k, ok := of[e.What]; ok {
			c.add(e.Hour, k, e.Count)
		}
	}
	return c.drawn()
}

// deliveryChart is how deliveries ended.
func deliveryChart(s client.Stats, now time.Time) chart {
	c := newChart("Deliveries", now, []kind{{Name: "delivered", Class: "good"}, {Name: "told with others, or not sent", Class: "idle"}, {Name: "not delivered", Class: "bad"}})
	of := map[string]int{"delivered": 0, "folded": 1, "shadowed": 1, "skipped": 1, "cancelled": 1, "dead": 2, "expired": 2}
	for _, d := range s.Deliveries {
		if k, ok := of[d.State]; ok {
			c.add(d.Hour, k, d.Count)
		}
	}
	return c.drawn()
}

// newChart has an empty bar for each hour until now.
func newChart(title string, now time.Time, kinds []kind) chart {
	c := chart{Title: title, Kinds: kinds, Width: chartFor * barStep}
	first := now.UTC().Truncate(time.Hour).Add(-(chartFor - 1) * time.Hour)
	for i := range chartFor {
		b := bar{Hour: first.Add(time.Duration(i) * time.Hour), X: i * barStep, Parts: make([]part, len(kinds))}
		for k := range kinds {
			b.Parts[k] = part{Class: kinds[k].Class, X: b.X + (barStep-barWidth)/2, BarsWidth: barWidth}
		}
		c.Hours = append(c.Hours, b)
	}
	return c
}

// add counts n more of a kind in an hour; what is outside of the chart is left out.
func (c *chart) add(hour time.Time, kind, n int) {
	i := int(hour.Sub(c.Hours[0].Hour) / time.Hour)
	if hour.Before(c.Hours[0].Hour) || i >= len(c.Hours) {
		return
	}
	b := &c.Hours[i]
	b.Parts[kind].Count += n
	b.Total += n
	c.Kinds[kind].Total += n
	c.Most = max(c.Most, b.Total)
}

// drawn lays the parts on each other.
func (c chart) drawn() chart {
	for i := range c.Hours {
		b := &c.Hours[i]
		y := float64(barHeight)
		for k := range b.Parts {
			p := &b.Parts[k]
			if p.Count == 0 {
				continue
			}
			p.H = max(1, barHeight*float64(p.Count)/float64(c.Most)) // what there is, is seen
			y -= p.H
			p.Y = max(0, y)
			b.Says += fmt.Sprintf(", %d %s", p.Count, c.Kinds[k].Name)
		}
		if b.Says == "" {
			b.Says = ", nothing"
		}
		b.Says = b.Hour.Format("15:04") + " UTC" + b.Says
	}
	return c
}
