// FerretDB: MongoDB's protocol on SQLite, for the tests where no MongoDB is. Takes mongod's arguments that they use.
// The command of FerretDB itself cannot be built from the module proxy: a file that it embeds is missing there.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	directory := flag.String("dbpath", ".", "where databases are kept")
	host := flag.String("bind_ip", "127.0.0.1", "address to listen on")
	port := flag.Int("port", 27017, "port to listen on; 0: any")
	flag.Parse()

	path, err := filepath.Abs(*directory)
	if err != nil {
		log.Fatal(err)
	}
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: fmt.Sprintf("%s:%d", *host, *port)},
		Handler:   "sqlite",
		SQLiteURL: "file:" + path + "/",
		Logger:    slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	go func() { fmt.Println(server.MongoDBURI()) }()
	if err := server.Run(stop); err != nil {
		log.Fatal(err)
	}
}
