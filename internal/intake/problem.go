package intake

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// problem is an answer that refuses a request, as RFC 9457 has it.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// refuse answers with status, which it returns; detail says what to do.
func refuse(w http.ResponseWriter, status int, detail string) int {
	w.Header().Set("Content-Type", "application/problem+json")
	reply(w, status, problem{"about:blank", http.StatusText(status), status, detail})
	return status
}

// reply writes v, of which the caller may want to know whether it was sent.
func reply(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // only types that always encode come here
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	body = append(body, '\n')
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
