package main

// A network of validators on loopback: its files, and one of its nodes.

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	cfg "github.com/cometbft/cometbft/config"
	cmtlog "github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/proxy"
	"github.com/cometbft/cometbft/types"
	cmttime "github.com/cometbft/cometbft/types/time"
)

const (
	portsPerNode = 2
	lifeMax      = 30 * time.Minute // who forgets to stop a node loses no machine
	peersFile    = "peers"
)

// options say where a network listens, and whether it is tuned for speed.
type options struct {
	count, base int
	tuned       bool
}

func (o options) rpc(index int) string {
	return fmt.Sprintf("127.0.0.1:%d", o.base+portsPerNode*index)
}

func (o options) peer(index int) string {
	return fmt.Sprintf("127.0.0.1:%d", o.base+portsPerNode*index+1)
}

func (o options) config(home string, index int) *cfg.Config {
	c := cfg.DefaultConfig()
	c.SetRoot(home)
	c.RPC.ListenAddress = "tcp://" + o.rpc(index)
	c.RPC.MaxOpenConnections = 2000
	c.P2P.ListenAddress = "tcp://" + o.peer(index)
	c.P2P.AddrBookStrict = false
	c.P2P.AllowDuplicateIP = true
	c.Mempool.Size = 200_000
	c.Mempool.CacheSize = 400_000
	c.Mempool.MaxTxsBytes = 1 << 30
	c.TxIndex.Indexer = "null"
	if o.tuned {
		c.Consensus.TimeoutCommit = 0
		c.Consensus.SkipTimeoutCommit = true
		c.Consensus.PeerGossipSleepDuration = 5 * time.Millisecond
		c.P2P.SendRate, c.P2P.RecvRate = 200_000_000, 200_000_000
		c.P2P.FlushThrottleTimeout = 10 * time.Millisecond
		c.Mempool.Recheck = false // FinalizeBlock refuses what no longer holds
	}
	return c
}

func homeOf(dir string, index int) string { return filepath.Join(dir, strconv.Itoa(index)) }

func initNetwork(o options, dir string) error {
	var validators []types.GenesisValidator
	var peers []string
	for i := 0; i < o.count; i++ {
		home := homeOf(dir, i)
		for _, part := range []string{"config", "data"} {
			if err := os.MkdirAll(filepath.Join(home, part), 0o755); err != nil {
				return err
			}
		}
		c := o.config(home, i)
		signer := privval.LoadOrGenFilePV(c.PrivValidatorKeyFile(), c.PrivValidatorStateFile())
		key, err := p2p.LoadOrGenNodeKey(c.NodeKeyFile())
		if err != nil {
			return err
		}
		public, err := signer.GetPubKey()
		if err != nil {
			return err
		}
		validators = append(validators, types.GenesisValidator{PubKey: public, Power: 1})
		peers = append(peers, fmt.Sprintf("%s@%s", key.ID(), o.peer(i)))
	}
	genesis := types.GenesisDoc{
		ChainID:         "payments",
		GenesisTime:     cmttime.Now(),
		Validators:      validators,
		ConsensusParams: types.DefaultConsensusParams(),
	}
	if err := genesis.ValidateAndComplete(); err != nil {
		return err
	}
	for i := 0; i < o.count; i++ {
		home := homeOf(dir, i)
		if err := genesis.SaveAs(o.config(home, i).GenesisFile()); err != nil {
			return err
		}
		others := append(append([]string{}, peers[:i]...), peers[i+1:]...)
		file := filepath.Join(home, peersFile)
		if err := os.WriteFile(file, []byte(strings.Join(others, ",")), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func runNode(o options, dir string, index int, accounts uint64) error {
	home := homeOf(dir, index)
	c := o.config(home, index)
	peers, err := os.ReadFile(filepath.Join(home, peersFile))
	if err != nil {
		return err
	}
	c.P2P.PersistentPeers = string(peers)
	app, err := newPayApp(filepath.Join(home, "data", "app.db"), accounts)
	if err != nil {
		return err
	}
	key, err := p2p.LoadNodeKey(c.NodeKeyFile())
	if err != nil {
		return err
	}
	// The application locks what it must itself; with its defaults, CometBFT locks around every call.
	creator := proxy.NewLocalClientCreator(app)
	if o.tuned {
		creator = proxy.NewConnSyncLocalClientCreator(app)
	}
	logger := cmtlog.NewFilter(cmtlog.NewTMLogger(os.Stderr), cmtlog.AllowError())
	n, err := node.NewNode(
		c, privval.LoadFilePV(c.PrivValidatorKeyFile(), c.PrivValidatorStateFile()), key, creator,
		node.DefaultGenesisDocProviderFunc(c), cfg.DefaultDBProvider,
		node.DefaultMetricsProvider(c.Instrumentation), logger,
	)
	if err != nil {
		return err
	}
	if err := n.Start(); err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	select {
	case <-stop:
	case <-time.After(lifeMax):
	}
	return n.Stop()
}
