package simapi

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/simurgh-iot/simurgh/internal/fleet"
)

// wayOf is which way a method moves a content.
func wayOf(method string) fleet.Way {
	if method == http.MethodPut {
		return fleet.Upload
	}
	return fleet.Download
}

// told is a file, or a link to its content, as the answer of getFile.
type told struct{ what any }

// VisitGetFileResponse implements GetFileResponseObject.
func (a told) VisitGetFileResponse(w http.ResponseWriter) error {
	writeJSON(w, http.StatusOK, a.what)
	return nil
}

// linkTo makes an address at which the content of a file can be moved without a
// token, below the prefix that the caller came by.
func (h *handler) linkTo(ctx context.Context, id int64, way fleet.Way) (FileLink, error) {
	x := of(ctx)
	l, err := x.fleet.FileLink(ctx, x.request, id, way)
	if err != nil {
		return FileLink{}, err
	}
	method := GET
	if way == fleet.Upload {
		method = PUT
	}
	return FileLink{FileId: id, Method: method, ExpiryTime: Moment{l.Expires},
		Url: h.origin(x.came) + "/file/" + strconv.FormatInt(id, 10) + "/content?" + url.Values{"link": {l.Secret}}.Encode()}, nil
}

// DownloadContent implements StrictServerInterface.
func (h *handler) DownloadContent(ctx context.Context, r DownloadContentRequestObject) (DownloadContentResponseObject, error) {
	return of(ctx).content(ctx, r.FileId)
}

// VisitDownloadContentResponse implements DownloadContentResponseObject.
func (d *download) VisitDownloadContentResponse(w http.ResponseWriter) error {
	return d.VisitGetFileResponse(w)
}

// UploadContent implements StrictServerInterface.
func (h *handler) UploadContent(ctx context.Context, r UploadContentRequestObject) (UploadContentResponseObject, error) {
	x := of(ctx)
	f, err := x.fleet.Upload(ctx, x.request, r.FileId, &incoming{r.Body, newPatient(x.wire)})
	return UploadContent200JSONResponse(fileOf(&f)), err
}
