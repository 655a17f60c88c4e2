page.begin(function () {});
