// Receiver prints the webhooks that it gets. It is the far end in docker-compose.yml.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to listen on")
	flag.Parse()
	s := &http.Server{Addr: *listen, Handler: http.HandlerFunc(show), ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(s.ListenAndServe())
}

func show(w http.ResponseWriter, r *http.Request) {
	const most = 4 << 20
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	var event any
	if json.Unmarshal(body, &event) == nil {
		if pretty, err := json.MarshalIndent(event, "", "  "); err == nil {
			body = pretty
		}
	}
	fmt.Fprintf(os.Stdout, "%s %s webhook-id: %s\n%s\n\n", r.Method, r.URL.Path, r.Header.Get("Webhook-Id"), body)
	w.WriteHeader(http.StatusNoContent)
}
