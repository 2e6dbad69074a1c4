// Command exp trains declared nets, records every run and compares them.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"
)

func main() { os.Exit(mainCode()) }

// mainCode is the program behind its exit code: what the verbs are given of the
// process's surroundings is gathered here.
func mainCode() int {
	started := time.Now()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	host, _ := os.Hostname()
	cache, _ := os.UserCacheDir() // "" without a home
	a := &app{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		inTTY:  term.IsTerminal(int(os.Stdin.Fd())),
		getenv: os.Getenv, now: time.Now, started: started, host: host, cache: cache,
		outTTY: term.IsTerminal(int(os.Stdout.Fd())),
		errTTY: term.IsTerminal(int(os.Stderr.Fd())),
	}
	return a.main(ctx, os.Args[1:])
}
