package main

import (
	"bytes"
	"fmt"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

// tellReplays names the event that this is a replay of, and its replays.
func tellReplays(b *bytes.Buffer, t client.Trace) {
	if r := t.ReplayOf; r != nil {
		of := "of an event that is not kept any more"
		if r.Event != "" {
			of = "of " + text(r.Event)
		}
		fmt.Fprintf(b, "\nReplayed %s by %s, %s\n", milli(r.Time), text(r.By), of)
	}
	for _, r := range t.Replays {
		fmt.Fprintf(b, "\nReplayed %s by %s, as %s\n", milli(r.Time), text(r.By), text(r.Event))
	}
}

// tellRedeliveries tells how d was asked for again when so many attempts had been made.
func tellRedeliveries(b *bytes.Buffer, d client.Delivery, attempts int) {
	for _, r := range d.Redeliveries {
		switch {
		case r.Attempts != attempts:
		case r.From != "":
			fmt.Fprintf(b, "  made %s of delivery %s by %s\n", milli(r.Time), text(r.From), text(r.By))
		default:
			was := text(r.State)
			if r.Reason != "" {
				was += ": " + text(r.Reason)
			}
			fmt.Fprintf(b, "  asked for again %s by %s; it was %s\n", milli(r.Time), text(r.By), was)
		}
	}
}

// tellShadow shows what would have been sent, as a line that can be pasted as it is.
func tellShadow(b *bytes.Buffer, d client.Delivery) {
	s := d.Shadow
	switch {
	case s == nil:
	case s.Error != "":
		fmt.Fprintf(b, "  would have been sent %s, but: %s\n", milli(s.Time), text(s.Error))
	case s.Curl == "":
		fmt.Fprintf(b, "  would have been sent %s: -o json has the request\n", milli(s.Time))
	default:
		fmt.Fprintf(b, "  would have been sent %s:\n%s\n", milli(s.Time), safe(s.Curl))
	}
}
