# syntax=docker/dockerfile:1

FROM golang:1.26-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ENV CGO_ENABLED=0
RUN go build -trimpath -ldflags="-s -w" -o /out/ ./cmd/bellbuoy ./cmd/bellbuoy-sender-brokers

# The receiver of docker-compose.yml: prints the webhooks that it gets.
FROM build AS build-receiver
RUN go -C integration build -trimpath -o /out/receiver ./demo/receiver

FROM scratch AS receiver
COPY --from=build-receiver /out/receiver /receiver
USER 65532:65532
ENTRYPOINT ["/receiver", "-listen", "127.0.0.1:8080"]

FROM alpine:3 AS bellbuoy
# Senders are processes of their own; tini reaps those that outlive bellbuoy.
RUN apk add --no-cache ca-certificates tini tzdata \
 && adduser -D -H -u 65532 bellbuoy \
 && install -d -o bellbuoy -g bellbuoy -m 0700 /var/lib/bellbuoy /run/bellbuoy
COPY --from=build /out/bellbuoy /usr/local/bin/bellbuoy
# Started only where the configuration pins it.
COPY --from=build /out/bellbuoy-sender-brokers /usr/lib/bellbuoy/bellbuoy-sender-brokers
USER bellbuoy
# The store is ./bellbuoy.db unless the configuration says otherwise; the senders'
# sockets lie in the run directory.
WORKDIR /var/lib/bellbuoy
VOLUME /var/lib/bellbuoy
ENV TMPDIR=/run/bellbuoy XDG_RUNTIME_DIR=/run/bellbuoy
EXPOSE 5080
STOPSIGNAL SIGTERM
# Of the admin port in examples/distribution/bellbuoy.yml.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:5081/readyz"]
ENTRYPOINT ["tini", "--", "bellbuoy"]
CMD ["run", "--config", "/etc/bellbuoy/bellbuoy.yml"]
