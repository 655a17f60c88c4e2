/* B2C writes its own words about what went wrong; the page only adds what to do. */
page.begin(function () {});
