//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"syscall"
	"time"
)

// runRelay is the bare durable relay, in a process of its own. It answers 202 once
// a notification is in its file and synced; all that wait at one time share a sync.
// Then it posts the body on. It reads nothing of it, repeats nothing, forgets where
// it was at its end: it is what the machine allows, and no product.
func runRelay(args []string) error {
	flags := flag.NewFlagSet("relay", flag.ContinueOnError)
	listen := flags.String("listen", "", "address to listen on")
	target := flags.String("target", "", "URL to post to")
	path := flags.String("journal", "", "file to append to")
	if err := flags.Parse(args); err != nil {
		return err
	}
	file, err := os.OpenFile(*path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	j := &journal{file: file, in: make(chan record, 1024)}
	go j.commit()

	const workers = 16
	onward := make(chan []byte, 1<<14)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
	for range workers {
		go func() {
			for body := range onward {
				if err := post(client, *target, body); err != nil {
					fmt.Fprintln(os.Stderr, err)
				}
			}
		}()
	}
	handle := func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet { // asked whether it is ready
			return
		}
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = j.append(body)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		onward <- body
		w.WriteHeader(http.StatusAccepted)
	}
	server := &http.Server{Addr: *listen, Handler: http.HandlerFunc(handle), ReadHeaderTimeout: 10 * time.Second}
	return server.ListenAndServe()
}

func post(client *http.Client, url string, body []byte) error {
	res, err := client.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	if res.StatusCode/100 != 2 {
		return errors.Join(err, fmt.Errorf("the target answers %s", res.Status))
	}
	return err
}

// journal is a file that grows by whole records.
type journal struct {
	file *os.File
	in   chan record
}

type record struct {
	body   []byte
	synced chan<- error
}

// append returns when body is on disk.
func (j *journal) append(body []byte) error {
	synced := make(chan error, 1)
	j.in <- record{body, synced}
	return <-synced
}

// commit writes what waits, syncs once, and tells all of them.
func (j *journal) commit() {
	var batch []byte
	var waiting []chan<- error
	for r := range j.in {
		batch, waiting = batch[:0], waiting[:0]
		for more := true; more; {
			batch = binary.LittleEndian.AppendUint32(batch, uint32(len(r.body)))
			batch = append(batch, r.body...)
			waiting = append(waiting, r.synced)
			select {
			case r = <-j.in:
			default:
				more = false
			}
		}
		_, err := j.file.Write(batch)
		if err == nil {
			err = os.NewSyscallError("fdatasync", syscall.Fdatasync(int(j.file.Fd())))
		}
		for _, synced := range waiting {
			synced <- err
		}
	}
}
