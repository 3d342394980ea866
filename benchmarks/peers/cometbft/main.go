// The same payments under CometBFT, with an application in its process: a peer that
// `benchmarks/compare` measures the project against.
//
//	cometpay init  -dir DIR [-nodes 4] [-base 29200] [-tuned]
//	cometpay node  -dir DIR -index N -accounts N …
//	cometpay load  -first N -most N -accounts N [-rate N] [-window N] [-seconds N] [-way http] …
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

func run(command string, words []string) error {
	flags := flag.NewFlagSet(command, flag.ExitOnError)
	dir := flags.String("dir", "", "folder of the network")
	count := flags.Int("nodes", 4, "validators")
	base := flags.Int("base", 29_200, "first port")
	tuned := flags.Bool("tuned", false, "tuned for speed instead of with its defaults")
	index := flags.Int("index", 0, "which of the validators")
	accounts := flags.Uint64("accounts", 1_000, "accounts, a multiple of four")
	first := flags.Uint64("first", 0, "number of the first payment")
	most := flags.Uint64("most", 1_000, "payments to make at most")
	rate := flags.Float64("rate", 0, "payments per second; 0 is as many as the window allows")
	window := flags.Int("window", 3_000, "payments in flight at most")
	warmUp := flags.Float64("warm-up", 0, "seconds before measuring")
	seconds := flags.Float64("seconds", 5, "seconds to measure")
	way := flags.String("way", "http", "http or websocket")
	if err := flags.Parse(words); err != nil {
		return err
	}
	o := options{count: *count, base: *base, tuned: *tuned}
	switch command {
	case "init":
		return initNetwork(o, *dir)
	case "node":
		return runNode(o, *dir, *index, *accounts)
	case "load":
		rpcs := make([]string, o.count)
		for i := range rpcs {
			rpcs[i] = o.rpc(i)
		}
		return runLoad(loadOptions{
			first: *first, accounts: *accounts, most: *most, rate: *rate, window: *window,
			warmUp:   time.Duration(*warmUp * float64(time.Second)),
			measured: time.Duration(*seconds * float64(time.Second)),
			way:      *way, rpcs: rpcs,
		})
	}
	return fmt.Errorf("there is no command %q", command)
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: cometpay init|node|load [flags]")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
