package simapi

import (
	"context"
	"slices"
	"strconv"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/plan"
)

func itemOf(i *plan.Item) PackageItem {
	return PackageItem{PackageItemId: i.ID, PackageId: i.Package, PackageItemCategoryId: CategoryId(i.Category), BundleAmount: i.Bundle,
		OutOfBundlePrice: decimal(i.Price), InBundleRounding: i.RoundIn, OutOfBundleRounding: i.RoundOut,
		Mcc: append([]string{}, i.Countries...), Status: life(i.Deleted)}
}

// ListPackageItems implements StrictServerInterface.
func (h *handler) ListPackageItems(ctx context.Context, r ListPackageItemsRequestObject) (ListPackageItemsResponseObject, error) {
	x := of(ctx)
	all, err := x.fleet.Items(ctx, x.request, r.PackageId)
	if err != nil {
		return nil, err
	}
	picked, err := pick(x, each(all, itemOf), []column[PackageItem]{
		{"packageItemId", func(i *PackageItem) string { return strconv.FormatInt(i.PackageItemId, 10) }},
		{"packageItemCategoryId", func(i *PackageItem) string { return strconv.Itoa(int(i.PackageItemCategoryId)) }},
		{"status", func(i *PackageItem) string { return string(i.Status) }},
	})
	if err != nil {
		return nil, err
	}
	page, next, err := cut(ctx, x, picked)
	return ListPackageItems200JSONResponse{PageToken: x.query.pageToken(), RequestedPageSize: x.query.pageSize(), ItemCount: len(page),
		NextPageToken: next, Items: page}, err
}

// GetPackageItem implements StrictServerInterface.
func (h *handler) GetPackageItem(ctx context.Context, r GetPackageItemRequestObject) (GetPackageItemResponseObject, error) {
	x := of(ctx)
	all, err := x.fleet.Items(ctx, x.request, r.PackageId)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(all, func(i plan.Item) bool { return i.ID == r.PackageItemId })
	if at < 0 {
		return nil, fault.Missing("item", strconv.FormatInt(r.PackageItemId, 10))
	}
	return GetPackageItem200JSONResponse(itemOf(&all[at])), nil
}

// CreatePackageItem implements StrictServerInterface.
func (h *handler) CreatePackageItem(ctx context.Context, r CreatePackageItemRequestObject) (CreatePackageItemResponseObject, error) {
	x, b := of(ctx), r.Body
	price, err := amount("outOfBundlePrice", b.OutOfBundlePrice)
	if err != nil {
		return nil, err
	}
	i := plan.Item{Package: r.PackageId, Category: plan.Category(b.PackageItemCategoryId), Price: price, Countries: b.Mcc}
	set(b.BundleAmount, &i.Bundle)
	set(b.InBundleRounding, &i.RoundIn)
	set(b.OutOfBundleRounding, &i.RoundOut)
	made, err := x.fleet.CreateItem(ctx, x.request, i)
	return CreatePackageItem200JSONResponse(itemOf(&made)), err
}

// ChangePackageItem implements StrictServerInterface.
func (h *handler) ChangePackageItem(ctx context.Context, r ChangePackageItemRequestObject) (ChangePackageItemResponseObject, error) {
	x, b := of(ctx), r.Body
	price, err := amount("outOfBundlePrice", b.OutOfBundlePrice)
	if err != nil {
		return nil, err
	}
	if b.BundleAmount == nil && b.OutOfBundlePrice == nil && b.InBundleRounding == nil && b.OutOfBundleRounding == nil && b.Mcc == nil && b.Status == nil {
		return nil, errNothing
	}
	i, err := x.fleet.ChangeItem(ctx, x.request, r.PackageId, r.PackageItemId, func(i *plan.Item) error {
		set(b.BundleAmount, &i.Bundle)
		set(b.InBundleRounding, &i.RoundIn)
		set(b.OutOfBundleRounding, &i.RoundOut)
		if b.OutOfBundlePrice != nil {
			i.Price = price
		}
		if b.Mcc != nil {
			i.Countries = b.Mcc
		}
		if b.Status != nil {
			i.Deleted = false
		}
		return nil
	})
	return ChangePackageItem200JSONResponse(itemOf(&i)), err
}

// DeletePackageItem implements StrictServerInterface.
func (h *handler) DeletePackageItem(ctx context.Context, r DeletePackageItemRequestObject) (DeletePackageItemResponseObject, error) {
	x := of(ctx)
	_, err := x.fleet.ChangeItem(ctx, x.request, r.PackageId, r.PackageItemId, func(i *plan.Item) error {
		if i.Deleted {
			return refusal(codeNotActive, "the item is deleted already")
		}
		i.Deleted = true
		return nil
	})
	return DeletePackageItem200JSONResponse{PACKAGEITEM: 1}, err
}
