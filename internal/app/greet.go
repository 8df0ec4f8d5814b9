package app

import (
	"fmt"
	"io"
)

// greet tells somebody who has configured nothing what to do. name is how they call
// this program.
func greet(w io.Writer, name, listen, admin, path string) {
	fmt.Fprintf(w, `
bellbuoy runs without a configuration: it takes every event, keeps it in %[4]s
and delivers nothing.

Put this into the registry's config.yml and restart the registry:

notifications:
  events:
    includereferences: true
  endpoints:
    - name: bellbuoy
      url: http://%[2]s/in/distribution
      timeout: 5s
      threshold: 5
      backoff: 1s

Then push an image, and look from another terminal:

  %[1]s events
  %[1]s trace ID

The admin API is at http://%[3]s/api/v1. To have events delivered, write a
bellbuoy.yml here and start anew.

`, name, listen, admin, path)
}
