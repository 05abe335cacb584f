"""VidInfra Live (in its documentation also "Vidinfra Webinar"): rooms, and the webinars held in them."""
