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
and delivers it to your inbox, but for pulls and blobs.

CNCF Distribution: put this into the registry's config.yml and restart the registry.

notifications:
  events:
    includereferences: true
  endpoints:
    - name: bellbuoy
      url: http://%[2]s/in/distribution
      timeout: 5s
      threshold: 5
      backoff: 1s

Harbor: add a webhook to the project, of type http, with the payload format CloudEvents
and the endpoint URL

  http://%[2]s/in/harbor

Quay: add a notification to the repository for each event, Webhook POST, with a URL that
ends in the event's name. Quay refuses 127.0.0.1 and localhost: give it another name of
this machine, and let a bellbuoy.yml say that bellbuoy listens there.

  http://%[2]s/in/quay/repo_push

All of it, and a script for their APIs, is printed by

  %[1]s connect distribution
  %[1]s connect harbor
  %[1]s connect quay

Then push an image, and look at the console,

  http://%[3]s

or from another terminal:

  %[1]s inbox
  %[1]s events
  %[1]s trace ID

To have events delivered elsewhere, make a target and a rule in the console, or write a
bellbuoy.yml here. The API is at http://%[3]s/api/v1, and explained at /api/docs there.

`, name, listen, admin, path)
}
