package simapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/bulk"
	"github.com/simurgh-iot/simurgh/internal/edge/simapi"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/job"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
)

type jobStore struct{ *store.DB }

func (s jobStore) Write(ctx context.Context, fn func(job.Tx) error) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error { return fn(tx) })
}

// work is the server's worker, led by the test.
func (w *world) work() *job.Worker {
	return &job.Worker{Kind: bulk.Kind, Handler: w.Fleet.BulkHandler(fleet.BulkRules{LabelSuspended: w.lenient}), Store: jobStore{w.DB}, Now: w.clock.Now}
}

// uploaded makes a file with a content.
func (w *world) uploaded(as, folio, content string) string {
	w.t.Helper()
	id := w.made(as, "/file", `{"name":"rows.csv","portfolioId":"<`+folio+`>"}`, "fileId")
	w.call(as, http.MethodPut, "/file/"+id+"?action=upload", content).has(w.t, `{"status":"active"}`)
	return id
}

// job makes a job and returns its path.
func (w *world) job(as, folio, kind, content, more string) string {
	w.t.Helper()
	return "/job/" + w.made(as, "/job", fmt.Sprintf(`{"type":%q,"name":"job","portfolioId":"<%s>","fileId":%s%s}`, kind, folio, w.uploaded(as, folio, content), more), "jobId")
}

type jobAnswer struct {
	JobID          int64
	Status         string
	ResponseFileID *int64
	DoneCount      int64
}

func (w *world) run(as, path string) string {
	w.t.Helper()
	w.call(as, http.MethodPatch, path, `{"status":"queued"}`).has(w.t, `{"status":"queued","responseFileId":null}`)
	return w.results(as, path)
}

// results lets the worker run and downloads what came of it.
func (w *world) results(as, path string) string {
	w.t.Helper()
	if ran, err := w.work().Step(w.t.Context()); !ran || err != nil {
		w.t.Fatalf("the worker: %t, %v", ran, err)
	}
	var j jobAnswer
	w.call(as, http.MethodGet, path, "").into(w.t, &j)
	if j.Status != "completed" || j.ResponseFileID == nil {
		w.t.Fatalf("the job is %+v", j)
	}
	a := w.call(as, http.MethodGet, fmt.Sprintf("/file/%d?action=content", *j.ResponseFileID), "")
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "text/csv" {
		w.t.Fatalf("%d %s", a.status, a.body)
	}
	return a.body
}

const head = "iccId,value,completedStatus,errorId,errorName,errorDescription\n"

// The whole way: file, upload, job, queue, poll, download.
func TestBulkJob(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		one := w.job(engineer, "A", "update-icc-status", "iccId,value\n<stock>,active\n<live>,active\n<suspended>,available\n<foreign>,active\n<missing>,active\n<child>,available\n<stock2>,on\n", "")
		w.call(engineer, http.MethodGet, one, "").has(t, `{"status":"setup","type":"update-icc-status","dryRun":"no","rowCount":0,"startedDate":null,"error":null}`)
		want := fill(head + "<stock>,active,Success,,,\n<live>,active,Failed,6047,invalid_request_error,the SIM is active already\n" +
			"<suspended>,available,Failed,16000,invalid_request_error,the SIM is suspended\n" +
			"<foreign>,active,Failed,6002,not_found,sim not found\n<missing>,active,Failed,6002,not_found,sim not found\n<child>,available,Success,,,\n" +
			"<stock2>,on,Failed,6006,bad_request,\"value must be one of active, available\"\n")
		if got := w.run(engineer, one); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
		w.call(engineer, http.MethodGet, one, "").has(t, `{"rowCount":7,"doneCount":7,"failedCount":5}`)
		if s := w.sim("stock"); s.Wanted.State != sim.Provisioning {
			t.Errorf("the SIM is %s", s.Status())
		}
		if s := w.sim("foreign"); s.Version != 3 && s.Wanted.State != sim.Provisioned {
			t.Errorf("another's SIM: %+v", s)
		}
		// Only what failed is done again.
		w.call(engineer, http.MethodPatch, "/sim/<suspended>", `{"customerSuspend":"no"}`).has(t, `{}`)
		w.call(engineer, http.MethodPost, one+"/retry", "").has(t, `{"status":"queued","responseFileId":null,"doneCount":2,"failedCount":0}`)
		if got := w.results(engineer, one); !strings.Contains(got, fill("<suspended>,available,Success,,,\n<foreign>")) || !strings.HasPrefix(got, fill(head+"<stock>,active,Success,,,\n<live>,active,Failed,6047")) {
			t.Errorf("%s", got)
		}
		w.call(engineer, http.MethodGet, "/job?status=completed&type=update-icc-status", "").has(t, `{"itemCount":1,"items":[{"doneCount":7,"failedCount":4}]}`)
		w.call(engineer, http.MethodGet, "/job?status=failed", "").has(t, `{"itemCount":0,"items":[]}`)
		w.call(engineer, http.MethodGet, "/file?pageSize=1", "").has(t, `{"itemCount":1,"items":[{"name":"Results of job","status":"active","rowCount":7}],"nextPageToken":"`+w.next("/file?pageSize=1")+`"}`)
		w.call(engineer, http.MethodGet, "/file?pageSize=1&pageToken="+w.next("/file?pageSize=1"), "").has(t, `{"items":[{"name":"rows.csv","jobId":null,"rowCount":7}],"nextPageToken":"absent"}`)
	})
}

func (w *world) next(path string) string {
	var p page
	w.call(engineer, http.MethodGet, path, "").into(w.t, &p)
	return *p.NextPageToken
}

// The other types answer in the codes of their calls on one SIM.
func TestBulkCodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct{ kind, rows, want string }{
		{"update-icc-package", "<stock>,6686\n<stock>,6686\n<stock2>,6688\n<stock3>,6690\n<live>,9999\n<live>,6689\n<stock3>,x", "0 6017 16007 16006 6002 6002 6006"},
		{"update-icc-portfolio", "<stock>,<C>\n<stock>,<A>\n<live>,<B>\n<live>,<A>\n<live>,<R>\n<live>,1", "0 0 6026 6017 6026 6006"},
		{"update-icc-customerSuspend", "<live>,yes\n<live>,yes\n<live>,no\n<live>,no\n<admin>,yes\n<both>,yes\n<closed>,yes\n<live>,Yes", "0 6047 0 6047 16000 6047 6007 6006"},
		{"update-iccAttribute-friendlyName", "<live>,Pump\n<live>,\n<suspended>,x\n<foreign>,x", "0 0 16000 6002"},
		{"update-iccAttribute-orderId", "<live>,1\n<live>,2\n\"<live2>\",\"a,b\"\n<live3>,a,b\n<live3>,\"a", "0 0 0 6006 6006"},
	} {
		var got []string
		for i, line := range strings.Split(strings.TrimSpace(w.run(engineer, w.job(engineer, "A", c.kind, "iccId,value\n"+c.rows, ""))), "\n") {
			_, code, failed := strings.Cut(line, ",Failed,")
			if code, _, _ = strings.Cut(code, ","); !failed {
				code = "0"
			}
			if i > 0 {
				got = append(got, code)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %s, want %s", c.kind, strings.Join(got, " "), c.want)
		}
	}
	w.call(engineer, http.MethodGet, "/sim/<live>/attribute?attribute=orderId", "").has(t, `{"itemCount":1,"items":[{"value":"2"}]}`)
	// A trial changes nothing.
	before := w.sim("gone")
	if got := w.run(engineer, w.job(engineer, "A", "update-icc-status", "iccId;status\r\n<gone>;active\r\n\r\n<gone>;active\r\n", `,"dryRun":"yes"`)); !strings.HasPrefix(got, fill(head+"<gone>,active,Success,,,\n<gone>,active,Failed,6047")) {
		t.Error(got)
	}
	if after := w.sim("gone"); after != before {
		t.Errorf("the trial changed %+v", after)
	}
}

// A row that labels a suspended SIM is judged by the same switch as the call is.
func TestBulkLabelsOfSuspendedSIMs(t *testing.T) {
	t.Parallel()
	for _, lenient := range []bool{false, true} {
		w := newWorld(t, func(o *simapi.Options) { o.LabelSuspended = lenient })
		want := ",Failed,16000,invalid_request_error,the SIM is suspended"
		if lenient {
			want = ",Success,,,"
		}
		for kind, rows := range map[string]string{"update-iccAttribute-friendlyName": "<suspended>,Pump", "update-iccAttribute-orderId": "<admin>,17"} {
			if got := w.run(engineer, w.job(engineer, "A", kind, "iccId,value\n"+rows, "")); got != fill(head+rows+want+"\n") {
				t.Errorf("lenient %t, %s: %s", lenient, kind, got)
			}
		}
		if s := w.sim("suspended"); (s.Name == "Pump") != lenient {
			t.Errorf("lenient %t: the SIM is named %q", lenient, s.Name)
		}
	}
}

// Files that are none are refused with the line that shows it, and can then be
// uploaded again.
func TestBulkFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.made(engineer, "/file", `{"name":"x","portfolioId":"<A>"}`, "fileId")
	for content, why := range map[string]string{
		"": "is empty", "iccId,value\n": "has no rows", "\xef\xbb\xbficcId,value\r\n\r\n": "has no rows",
		"iccId,value\n1,2\n" + strings.Repeat("9", 3000) + ",active\n": "a line 3 of more than 2048 bytes", "\xff\xfei\x00": "is UTF-16", "PK\x03\x04": "is a spreadsheet",
		"iccId,value\n\xff,1\n": "not UTF-8 in line 2", "iccId,value\na\x00,1\n": "a zero byte in line 2",
		"iccId,value\n" + strings.Repeat("1,2\n", bulk.MaxRows+1): "more than 1000000 rows",
	} {
		a := w.call(engineer, http.MethodPut, "/file/"+id, content)
		if a.fails(t, 400, 6006); !strings.Contains(a.body, why) {
			t.Errorf("%.20q: %s; want %q", content, a.body, why)
		}
	}
	w.call(engineer, http.MethodGet, "/file/"+id, "").has(t, `{"status":"setup","rowCount":0}`)
	w.call(engineer, http.MethodGet, "/file/"+id+"?action=content", "").fails(t, 400, 6046)
	body := httptest.NewRequest(http.MethodPut, "/api/v2/file/"+id, &broken{})
	body.Header.Set("Authorization", "Bearer "+w.secrets[engineer].token)
	w.send(body).fails(t, 400, 6006)
	w.call(engineer, http.MethodPut, "/file/"+id+"/", "\xef\xbb\xbfICCID,Status\r\n<live>,active\r\n\r\n\n<live2>,available").has(t, `{"status":"active","rowCount":2}`)
	if got := w.call(engineer, http.MethodGet, "/file/"+id+"?action=content", "").body; got != fill("ICCID,Status\n<live>,active\n<live2>,available\n") {
		t.Errorf("it comes back as %q", got)
	}
	w.call(engineer, http.MethodPut, "/file/"+id, "iccId,value\n1,2\n").fails(t, 400, 6047)
	w.call(engineer, http.MethodGet, "/file/"+id+"?action=upload", "").fails(t, 400, 6047)
	w.call(engineer, http.MethodGet, "/file/"+id+"?action=erase", "").fails(t, 400, 6006)
	w.call(engineer, http.MethodPut, "/file/"+id+"?colour=red", "").fails(t, 400, 6014)
	w.call(viewer, http.MethodPut, "/file/"+id, "x").fails(t, 403, 6001)
	w.call(stranger, http.MethodPut, "/file/"+id, "x").fails(t, 404, 6002)
	w.call("", http.MethodPut, "/file/"+id, "x").fails(t, 401, 0)
	w.call(engineer, http.MethodPut, "/file/x", "x").fails(t, 400, 6006)
	w.call(engineer, http.MethodPost, "/file", `{"name":"x","portfolioId":"<B>"}`).fails(t, 403, 6026)
	w.call(engineer, http.MethodDelete, "/file/"+id, "").has(t, `{"FILE":1}`)
	w.call(engineer, http.MethodDelete, "/file/"+id, "").fails(t, 400, 6023)
	w.call(engineer, http.MethodGet, "/file/"+id+"?action=content", "").fails(t, 400, 6023)
}

type broken struct{ read bool }

func (b *broken) Read(p []byte) (int, error) {
	if b.read {
		return 0, errors.New("the line went dead")
	}
	b.read = true
	return copy(p, "iccId,value\n1,"), nil
}

// A job that cannot run is not queued, and what was queued is not queued twice.
func TestBulkStates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	empty := w.made(engineer, "/file", `{"name":"x","portfolioId":"<A>"}`, "fileId")
	make := func(kind, file string) string {
		return fmt.Sprintf(`{"type":%q,"name":"x","portfolioId":"<A>","fileId":%q}`, kind, file)
	}
	one := "/job/" + w.made(engineer, "/job", make("update-icc-status", empty), "jobId")
	w.call(engineer, http.MethodPatch, one, `{"status":"queued"}`).fails(t, 400, 6046)
	paused := w.call(engineer, http.MethodPatch, one, `{"status":"paused"}`)
	if paused.fails(t, 400, 6007); !strings.Contains(paused.body, "it is setup; only one that is queued or processing can be") {
		t.Errorf("in other words than the contract's: %s", paused.body)
	}
	w.call(engineer, http.MethodPatch, one, `{"status":"completed"}`).fails(t, 400, 6006)
	w.call(engineer, http.MethodPatch, one, `{}`).fails(t, 400, 6006)
	w.call(engineer, http.MethodPost, one+"/retry", "").fails(t, 400, 6007)
	w.call(engineer, http.MethodDelete, "/file/"+empty, "").fails(t, 400, 6046)
	w.call(engineer, http.MethodPut, "/file/"+empty, "iccId,packageId\n<live>,6686\n").has(t, `{}`)
	w.call(engineer, http.MethodPatch, one, `{"status":"queued"}`).fails(t, 400, 6006)
	w.call(engineer, http.MethodPost, "/job", make("update-icc-status", empty)).fails(t, 400, 6006)
	w.call(engineer, http.MethodPost, "/job", make("update-icc-status", "999999")).fails(t, 404, 6002)
	w.call(engineer, http.MethodPost, "/job", make("update-icc-color", empty)).fails(t, 400, 6006)
	w.call(engineer, http.MethodPost, "/job", fmt.Sprintf(`{"type":"update-icc-status","name":"x","portfolioId":"<C>","fileId":%s}`, empty)).fails(t, 400, 6013)
	w.call(engineer, http.MethodPost, "/job", fmt.Sprintf(`{"type":"update-icc-status","name":"x","portfolioId":"<B>","fileId":%s}`, empty)).fails(t, 403, 6026)
	two := "/job/" + w.made(engineer, "/job", make("update-icc-package", empty), "jobId")
	w.call(engineer, http.MethodPatch, two, `{"status":"queued"}`).has(t, `{"status":"queued"}`)
	w.call(engineer, http.MethodPatch, two, `{"status":"queued"}`).fails(t, 400, 6047)
	w.call(engineer, http.MethodPatch, two, `{"status":"paused"}`).has(t, `{"status":"paused"}`)
	w.call(engineer, http.MethodPatch, two, `{"status":"paused"}`).fails(t, 400, 6047)
	if ran, _ := w.work().Step(t.Context()); ran {
		t.Error("a paused job ran")
	}
	if got := w.run(engineer, two); got != fill(head+"<live>,6686,Success,,,\n") {
		t.Error(got)
	}
	w.call(engineer, http.MethodPatch, two, `{"status":"queued"}`).fails(t, 400, 6007)
	w.call(engineer, http.MethodPatch, two, `{"status":"cancelled"}`).fails(t, 400, 6007)
	w.call(engineer, http.MethodPost, two+"/retry", "").fails(t, 400, 6017)
	w.call(engineer, http.MethodPatch, one, `{"status":"cancelled"}`).has(t, `{"status":"cancelled","responseFileId":null}`)
	w.call(engineer, http.MethodPatch, one, `{"status":"cancelled"}`).fails(t, 400, 6047)
}

// Two callers who queue one job at once: one does, the other is told.
func TestOneJobIsQueuedByTwo(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		one := w.job(engineer, "A", "update-icc-status", "iccId,value\n<stock>,active\n", "")
		var codes [4]int
		var all sync.WaitGroup
		for i := range codes {
			all.Go(func() {
				rec := httptest.NewRecorder()
				w.edge.ServeHTTP(rec, w.request(engineer, http.MethodPatch, one, `{"status":"queued"}`))
				codes[i] = answer{rec.Code, rec.Header(), rec.Body.String()}.code()
			})
		}
		all.Wait()
		queued := 0
		for _, c := range codes {
			if c == 0 {
				queued++
			} else if c != 6047 {
				t.Errorf("error %d", c)
			}
		}
		if queued != 1 {
			t.Errorf("queued by %d", queued)
		}
		w.results(engineer, one)
		if ran, _ := w.work().Step(t.Context()); ran {
			t.Error("it runs twice")
		}
		ops, err := w.Fleet.Operations(t.Context(), w.op, sim.OperationQuery{ICCID: iccid("stock")})
		if err != nil || len(ops) != 1 || ops[0].Via != "simapi" || !strings.HasPrefix(ops[0].Request, "job-") {
			t.Errorf("%+v, %v", ops, err)
		}
	})
}

// The same request with the same key makes one file and one job.
func TestBulkWithAKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ids [2]string
	for i := range ids {
		r := w.request(engineer, http.MethodPost, "/file", `{"name":"x","portfolioId":"<A>"}`)
		r.Header.Set("Idempotency-Key", "k1")
		ids[i] = w.send(r).body
	}
	if ids[0] != ids[1] {
		t.Errorf("%s and %s", ids[0], ids[1])
	}
	id := w.uploaded(engineer, "A", "iccId,value\n<stock>,active\n")
	one := "/job/" + w.made(engineer, "/job", `{"type":"update-icc-status","name":"x","portfolioId":"<A>","fileId":`+id+`}`, "jobId")
	for range 2 {
		r := w.request(engineer, http.MethodPatch, one, `{"status":"queued"}`)
		r.Header.Set("Idempotency-Key", "k2")
		w.send(r).has(t, `{"status":"queued"}`)
	}
	r := w.request(engineer, http.MethodPut, "/file/"+w.made(engineer, "/file", `{"name":"y","portfolioId":"<A>"}`, "fileId"), "iccId,value\n1,2\n")
	r.Header.Set("Idempotency-Key", "k3")
	w.send(r).has(t, `{"status":"active"}`)
}

// A content that is damaged in the middle breaks off, and does not look whole.
func TestDamagedContentBreaksOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.uploaded(engineer, "A", "iccId,value\n"+strings.Repeat("8944538500000000017,"+strings.Repeat("x", 200)+"\n", 3000))
	server := httptest.NewServer(w.edge)
	defer server.Close()
	get := func() (int, string, error) {
		r := must(http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/v2/file/"+id+"?action=content", nil))
		r.Header.Set("Authorization", "Bearer "+w.secrets[engineer].token)
		a := must(http.DefaultClient.Do(r))
		defer func() { _ = a.Body.Close() }()
		body, err := io.ReadAll(a.Body)
		return a.StatusCode, string(body), err
	}
	if status, body, err := get(); status != 200 || len(body) != 12+3000*221 || err != nil {
		t.Errorf("whole: %d, %d bytes, %v", status, len(body), err)
	}
	w.exec("DELETE FROM file_chunk WHERE n = 2")
	if status, body, err := get(); status != 200 || err == nil {
		t.Errorf("damaged: %d, %d bytes, %v", status, len(body), err)
	}
	w.exec("DELETE FROM file_chunk")
	if status, body, err := get(); status != 404 || !strings.Contains(body, "6002") || err != nil {
		t.Errorf("gone: %d, %s, %v", status, body, err)
	}
}
