/* Only browsers that know no modules run this. */
location.replace('/old-browser.html');
