package console

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

// deadFilters choose among the dead letters, as the API names them.
func deadFilters() []string {
	return []string{"target", "rule", "repository", "since", "until", "type"}
}

// deadStates are those of deliveries that nobody makes any more and somebody may want to be made.
const deadStates = "dead,expired"

// deadData is a page of dead letters.
type deadData struct {
	Filter     map[string]string
	Deliveries []client.ListedDelivery
	Older      string
}

func (s *console) dead(r *http.Request) (page, error) {
	d := deadData{Filter: chosen(r, deadFilters())}
	query := asked(r, d.Filter)
	query["state"] = deadStates
	list, next, err := s.api.DeliveryPage(r.Context(), query)
	if err != nil {
		return page{}, err
	}
	d.Deliveries, d.Older = list, older("/dead", next)
	return page{file: "dead", title: "Dead letters", data: d}, nil
}

// againData is how far it is that dead letters are delivered again.
type againData struct {
	Filter map[string]string
	To     string
	Run    client.Run
	Asks   bool // nothing is done yet
}

// redeliver has dead letters delivered again: it says how many, then does a step at a time,
// each asked for by the page about the one before.
func (s *console) redeliver(r *http.Request) (page, error) {
	d := againData{Filter: map[string]string{}, To: r.PostFormValue("to")}
	for _, name := range deadFilters() {
		if v := r.PostFormValue(name); v != "" {
			d.Filter[name] = v
		}
	}
	a := client.Again{
		Target: d.Filter["target"], Rule: d.Filter["rule"], Repository: d.Filter["repository"], Type: d.Filter["type"],
		Since: d.Filter["since"], Until: d.Filter["until"], State: deadStates, To: d.To, By: by(r),
		Run: r.PostFormValue("run"), DryRun: r.PostFormValue("sure") == "",
	}
	d.Asks = a.DryRun
	if !a.DryRun && a.Run == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return page{}, err
		}
		a.Run = id.String() // named here: nothing is made twice if the page is sent twice
	}
	var err error
	d.Run, err = s.api.RedeliverStep(r.Context(), a)
	return page{file: "again", title: "Deliver again", data: d}, err
}
